//! What is done to one answer of storage.

use std::io::Write;
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
    Trickles { bytes: usize, apart: Duration },
    /// A field of the head has this value, whatever the body is.
    Field(&'static str, String),
    /// The body comes in chunks, and the head tells no length.
    Chunked,
    /// Bytes that belong to no answer come after it.
    Surplus(Vec<u8>),
    /// These bytes come instead.
    Instead(Vec<u8>),
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
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Tells whether the connection is over.
    pub(super) fn send(
        mut self,
        component: &mut TcpStream,
        fault: Option<Fault>,
    ) -> std::io::Result<bool> {
        let mut bytes = self.bytes();
        match fault {
            None => {}
            Some(Fault::Ends(place, ending)) => {
                component.write_all(&bytes[..self.offset(place)])?;
                ending.bring_about(component)?;
                return Ok(true);
            }
            Some(Fault::Trickles { bytes: few, apart }) => {
                for byte in bytes.drain(..few.min(bytes.len())) {
                    component.write_all(&[byte])?;
                    std::thread::sleep(apart);
                }
            }
            Some(Fault::Field(name, value)) => {
                self.set_field(name, &value);
                bytes = self.bytes();
            }
            Some(Fault::Chunked) => {
                self.put_into_chunks();
                bytes = self.bytes();
            }
            Some(Fault::Surplus(more)) => bytes.extend(more),
            Some(Fault::Instead(others)) => bytes = others,
        }
        component.write_all(&bytes)?;
        Ok(false)
    }

    fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }

    fn offset(&self, place: Place) -> usize {
        match place {
            Place::BeforeHead => 0,
            Place::WithinHead => self.head.len() / 2,
            Place::AfterHead => self.head.len(),
            Place::MidBody => self.head.len() + self.body.len() / 2,
        }
    }

    fn put_into_chunks(&mut self) {
        let size = format!("{:x}\r\n", self.body.len());
        self.body.splice(..0, size.into_bytes());
        self.body.extend(b"\r\n0\r\n\r\n");
        self.remove_field("Content-Length");
        self.set_field("Transfer-Encoding", "chunked");
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
