//! Whether the application can answer requests, by its own word.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::project;

/// A locked database is waited for for 5 s.
const LIMIT: Duration = Duration::from_secs(10);

/// What the application says of a failure.
#[derive(Deserialize)]
struct Failure {
    code: String,
}

/// Makes sure that the application at this address is ready; the lines of its requests are in `log`.
///
/// # Errors
/// The code of what is missing, and where its cause is.
pub fn ensure(application: SocketAddr, log: &Path) -> anyhow::Result<()> {
    let answer = ask(application)
        .context("the application listens, and does not say whether it is ready")?;
    if answer.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    let content = answer.split_once("\r\n\r\n").map(|(_, content)| content);
    let failure = content.and_then(|content| serde_json::from_str(content).ok());
    let Some(Failure { code }) = failure else {
        let status_line = answer.lines().next().unwrap_or("nothing");
        bail!("the application is not ready, and answers a probe with {status_line}");
    };
    bail!(
        "the application is not ready, {code}: the cause is in the line of JSON above, and in {}",
        project::shown(log)
    )
}

/// By HTTP/1.0, where an answer ends with its connection.
fn ask(application: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(application)?;
    connection.set_read_timeout(Some(LIMIT))?;
    connection.set_write_timeout(Some(LIMIT))?;
    let request = format!("GET /readyz HTTP/1.0\r\nHost: {application}\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is made of an application that answers so.
    fn outcome(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let application = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            // A connection closed with something unread is reset, and its answer lost.
            while !request.ends_with(b"\r\n\r\n") {
                let mut piece = [0; 4096];
                let length = connection.read(&mut piece).unwrap();
                assert_ne!(length, 0, "the request broke off");
                request.extend_from_slice(&piece[..length]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let outcome = ensure(address, Path::new("log.txt"));
        let request = application.join().unwrap();
        assert!(request.starts_with("GET /readyz HTTP/1.0\r\n"), "{request}");
        outcome.map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn an_application_that_says_so_is_ready() {
        let answer = "HTTP/1.0 200 OK\r\n\r\n{\"status\":\"ready\"}";

        assert_eq!(outcome(answer), Ok(()));
    }

    #[test]
    fn an_application_that_is_not_ready_is_told_with_its_code_and_where_the_cause_is() {
        let answer = "HTTP/1.0 503 Service Unavailable\r\n\r\n\
            {\"detail\":\"Failed\",\"code\":\"metadata_error\"}";

        let error = outcome(answer).unwrap_err();

        assert_eq!(
            error,
            "the application is not ready, metadata_error: the cause is in the line of JSON above, \
             and in log.txt"
        );
    }

    #[test]
    fn an_answer_that_is_not_the_application_s_is_told_as_it_begins() {
        for (answer, told) in [
            (
                "HTTP/1.0 500 Internal Server Error\r\n\r\n",
                "the application is not ready, and answers a probe with HTTP/1.0 500 Internal Server \
                 Error",
            ),
            (
                "",
                "the application is not ready, and answers a probe with nothing",
            ),
        ] {
            assert_eq!(outcome(answer).unwrap_err(), told);
        }
    }
}
