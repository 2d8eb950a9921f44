//! What is done to one answer of storage.

use std::io::{ErrorKind, Read, Take, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use socket2::SockRef;

/// How an answer fails.
#[derive(Debug)]
pub enum Fault {
    /// Nothing comes after this place.
    Ends(Place, Ending),
    /// The first bytes come one at a time.
    Trickles { bytes: u64, apart: Duration },
    /// Nothing comes until the test says so; then all does.
    Held(Receiver<()>),
    /// A field of the head has this value, whatever the body is.
    Field(&'static str, String),
    /// The body comes in chunks, and the head tells no length.
    Chunked,
    /// Bytes that belong to no answer come after it.
    Surplus(Vec<u8>),
    /// These bytes come instead.
    Instead(Vec<u8>),
}

impl Fault {
    /// An answer that comes once the sender is used or dropped.
    pub fn held() -> (Self, Sender<()>) {
        let (tell, told) = mpsc::channel();
        (Self::Held(told), tell)
    }
}

/// How far an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    BeforeHead,
    WithinHead,
    AfterHead,
    MidBody,
}

/// What comes instead of the rest.
#[derive(Debug)]
pub enum Ending {
    /// The connection is reset (RST).
    Reset,
    /// The connection is closed (FIN).
    Close,
    /// Nothing, until the other side gives up.
    Stall,
    /// Nothing, until the test has seen what it wants to see; then as within.
    Told(Receiver<()>, Box<Ending>),
}

impl Ending {
    /// This ending, once the sender is used or dropped.
    pub fn when_told(self) -> (Self, Sender<()>) {
        let (tell, told) = mpsc::channel();
        (Self::Told(told, Box::new(self)), tell)
    }
}

/// What storage says.
pub(super) struct Answer<R> {
    pub(super) head: String,
    pub(super) body: Take<R>,
}

impl<R: Read> Answer<R> {
    /// Passes it on, or what the fault makes of it. Tells whether the connection is over.
    pub(super) fn send(
        mut self,
        component: &mut TcpStream,
        fault: Option<Fault>,
    ) -> std::io::Result<bool> {
        match fault {
            None => pass(&mut self.bytes(), component)?,
            Some(Fault::Ends(place, ending)) => {
                let end = self.offset(place);
                pass(&mut self.bytes().take(end), component)?;
                ending.bring_about(component)?;
                return Ok(true);
            }
            Some(Fault::Trickles { bytes, apart }) => {
                let mut all = self.bytes();
                let mut first = Vec::new();
                all.by_ref().take(bytes).read_to_end(&mut first)?;
                for byte in first {
                    component.write_all(&[byte])?;
                    std::thread::sleep(apart);
                }
                pass(&mut all, component)?;
            }
            Some(Fault::Held(told)) => {
                let _ = told.recv();
                pass(&mut self.bytes(), component)?;
            }
            Some(Fault::Field(name, value)) => {
                self.set_field(name, &value);
                pass(&mut self.bytes(), component)?;
            }
            Some(Fault::Chunked) => {
                let size = format!("{:x}\r\n", self.body.limit());
                self.remove_field("Content-Length");
                self.set_field("Transfer-Encoding", "chunked");
                self.head.push_str(&size);
                pass(&mut self.bytes().chain(&b"\r\n0\r\n\r\n"[..]), component)?;
            }
            Some(Fault::Surplus(more)) => {
                // In one piece, so that whoever has the last byte has what is behind it.
                let mut all = Vec::new();
                self.bytes().chain(&more[..]).read_to_end(&mut all)?;
                component.write_all(&all)?;
            }
            Some(Fault::Instead(others)) => {
                pass(&mut self.body, &mut std::io::sink())?;
                component.write_all(&others)?;
            }
        }
        let is_whole = self.body.limit() == 0;
        is_whole
            .then_some(false)
            .ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    fn bytes(&mut self) -> impl Read {
        self.head.as_bytes().chain(&mut self.body)
    }

    fn offset(&self, place: Place) -> u64 {
        let head = self.head.len() as u64;
        match place {
            Place::BeforeHead => 0,
            Place::WithinHead => head / 2,
            Place::AfterHead => head,
            Place::MidBody => head + self.body.limit() / 2,
        }
    }

    fn set_field(&mut self, name: &str, value: &str) {
        self.remove_field(name);
        let end = self.head.len() - "\r\n".len();
        self.head.insert_str(end, &format!("{name}: {value}\r\n"));
    }

    fn remove_field(&mut self, name: &str) {
        let is_other = |line: &&str| {
            let field = line.split_once(':');
            field.is_none_or(|(other, _)| !other.eq_ignore_ascii_case(name))
        };
        let lines = self.head.split_inclusive("\r\n");
        self.head = lines.filter(is_other).collect();
    }
}

fn pass(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}

impl Ending {
    fn bring_about(self, component: &mut TcpStream) -> std::io::Result<()> {
        match self {
            Self::Told(told, ending) => {
                // A sender that is dropped says as much.
                let _ = told.recv();
                return ending.bring_about(component);
            }
            Self::Reset => return SockRef::from(&*component).set_linger(Some(Duration::ZERO)),
            Self::Close => component.shutdown(Shutdown::Write)?,
            Self::Stall => {}
        }
        // Over once the component has ended its side, too.
        std::io::copy(component, &mut std::io::sink())?;
        Ok(())
    }
}
