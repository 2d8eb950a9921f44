//! The network between component and storage, where a test needs it to fail.
//!
//! Requests pass byte for byte, which keeps their signatures valid; each takes the next fault, which
//! is done to its answer.

mod fault;

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::app::{App, Launch};
use super::process::sockets;
use super::scripted_storage::read_head;
use super::storage::Storage;
use super::wait_for;
use fault::Answer;

pub use fault::{Ending, Fault, Place};

/// Room for as many connections as any test opens at once.
const BACKLOG: i32 = 128;

/// After which a connection that is to die is dead.
const PAUSE: Duration = Duration::from_millis(20);

/// A way to storage; it refuses connections until it is opened.
pub struct FaultyLink {
    socket: Socket,
    storage: SocketAddr,
    state: Arc<Mutex<State>>,
}

type Faults = Box<dyn Iterator<Item = Option<Fault>> + Send>;

struct State {
    faults: Faults,
    /// How many connections there have been, and which share of them dies when it is left alone.
    made: usize,
    dying: Option<usize>,
    died: usize,
    requests: usize,
    failed: usize,
    connections: Connections,
}

/// Those that neither side has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// Waiting for a request.
    pub idle: usize,
    /// In the middle of an answer.
    pub busy: usize,
}

impl FaultyLink {
    /// A way to this storage.
    pub fn to(storage: &Storage) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any_port.into()).unwrap();
        let origin = storage.endpoint();
        let authority = origin.strip_prefix("http://").unwrap();
        Self {
            socket,
            storage: authority.parse().unwrap(),
            state: Arc::new(Mutex::new(State {
                faults: Box::new(std::iter::empty()),
                made: 0,
                dying: None,
                died: 0,
                requests: 0,
                failed: 0,
                connections: Connections::default(),
            })),
        }
    }

    /// Takes connections from now on.
    pub fn open(&self) {
        self.socket.listen(BACKLOG).unwrap();
        let listener: TcpListener = self.socket.try_clone().unwrap().into();
        let (state, storage) = (Arc::clone(&self.state), self.storage);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = Connection::enter(&state);
                // A connection that breaks is what this is for.
                std::thread::spawn(move || drop(connection.carry(stream, storage)));
            }
        });
    }

    /// Each request takes the next of these, and none once they are used up.
    pub fn inject<F>(&self, faults: F)
    where
        F: IntoIterator<Item = Option<Fault>, IntoIter: Send + 'static>,
    {
        self.state.lock().unwrap().faults = Box::new(faults.into_iter());
    }

    /// One in so many connections answers RST to the first request after a pause, as after a failover
    /// that the app has not heard of.
    pub fn let_die_after_a_pause(&self, one_in: usize) {
        self.state.lock().unwrap().dying = Some(one_in);
    }

    /// How many have.
    pub fn died(&self) -> usize {
        self.state.lock().unwrap().died
    }

    /// An app that reaches `storage` by this way, and waits for a connection, its first byte and between
    /// bytes for this long.
    pub fn launch(&self, storage: &Storage, limit: Duration) -> Launch {
        let address = self.socket.local_addr().unwrap().as_socket().unwrap();
        let limit = limit.as_millis().to_string();
        Launch::new(
            &format!("http://{address}"),
            &storage.bucket,
            &storage.credentials,
        )
        .variable("s3_region", &storage.region)
        .variable("s3_connect_timeout_ms", &limit)
        .variable("s3_first_byte_timeout_ms", &limit)
        .variable("s3_between_bytes_timeout_ms", &limit)
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// How many of their answers have failed.
    pub fn faults(&self) -> usize {
        self.state.lock().unwrap().failed
    }

    /// Waits until the app has no socket but the one that it listens on, and those of the idle
    /// connections in its pool. Tells how many these are.
    pub fn idle_at_rest(&self, app: &App) -> usize {
        wait_for("the end of every connection that is not idle", || {
            let Connections { idle, busy } = self.connections();
            (busy == 0 && sockets(app.process_id()) == 1 + idle).then_some(idle)
        })
    }

    /// The app's connections now.
    pub fn connections(&self) -> Connections {
        self.state.lock().unwrap().connections
    }
}

/// One of the app's connections, in the books as long as it lives.
struct Connection {
    state: Arc<Mutex<State>>,
    is_busy: bool,
    /// Whether it dies when it is left alone.
    is_dying: bool,
}

impl Connection {
    fn enter(state: &Arc<Mutex<State>>) -> Self {
        let shared = Arc::clone(state);
        let mut state = state.lock().unwrap();
        state.connections.idle += 1;
        state.made += 1;
        Self {
            is_dying: state
                .dying
                .is_some_and(|one_in| state.made.is_multiple_of(one_in)),
            state: shared,
            is_busy: false,
        }
    }

    /// Until one side ends it.
    fn carry(mut self, component: TcpStream, storage: SocketAddr) -> std::io::Result<()> {
        component.set_nodelay(true)?;
        let mut component = BufReader::new(component);
        let mut storage = Upstream::to(storage);
        let mut left_alone = Instant::now();
        while let Some(request) = read_head(&mut component)? {
            if self.is_dying && left_alone.elapsed() > PAUSE {
                self.state.lock().unwrap().died += 1;
                return SockRef::from(component.get_ref()).set_linger(Some(Duration::ZERO));
            }
            let fault = self.begin();
            let answer = storage.ask(&request)?;
            let is_over = answer.send(component.get_mut(), fault)?;
            if is_over {
                break;
            }
            self.end();
            left_alone = Instant::now();
        }
        Ok(())
    }

    fn begin(&mut self) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.connections.idle -= 1;
        state.connections.busy += 1;
        state.requests += 1;
        self.is_busy = true;
        let fault = state.faults.next().flatten();
        state.failed += usize::from(fault.is_some());
        fault
    }

    fn end(&mut self) {
        let mut state = self.state.lock().unwrap();
        state.connections.busy -= 1;
        state.connections.idle += 1;
        self.is_busy = false;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let connections = &mut self.state.lock().unwrap().connections;
        if self.is_busy {
            connections.busy -= 1;
        } else {
            connections.idle -= 1;
        }
    }
}

/// A connection to storage, made anew where storage has ended it.
struct Upstream {
    address: SocketAddr,
    open: Option<BufReader<TcpStream>>,
}

impl Upstream {
    fn to(address: SocketAddr) -> Self {
        let open = None;
        Self { address, open }
    }

    /// Waits for the head; the body is read as it is passed on.
    fn ask(&mut self, request: &str) -> std::io::Result<Answer<&mut BufReader<TcpStream>>> {
        let reused = self.open.as_mut().map(|open| send(open, request));
        let head = if let Some(Ok(head)) = reused {
            head
        } else {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            send(self.open.insert(BufReader::new(stream)), request)?
        };
        let has_body = !request.starts_with("HEAD ");
        let length = if has_body { content_length(&head) } else { 0 };
        let body = self.open.as_mut().unwrap().take(length);
        Ok(Answer { head, body })
    }
}

/// Gives the head of the answer.
fn send(storage: &mut BufReader<TcpStream>, request: &str) -> std::io::Result<String> {
    storage.get_mut().write_all(request.as_bytes())?;
    let head = read_head(storage)?;
    head.ok_or(std::io::ErrorKind::UnexpectedEof.into())
}

fn content_length(head: &str) -> u64 {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let field = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = field.unwrap_or_else(|| panic!("no length is told by {head}"));
    length.parse().unwrap()
}
