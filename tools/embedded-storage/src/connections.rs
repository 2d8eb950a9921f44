use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// What every connection is served by.
pub(crate) trait Service:
    hyper::service::Service<
        Request<Incoming>,
        Response = s3s::HttpResponse,
        Error = s3s::HttpError,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Service for S where
    S: hyper::service::Service<
            Request<Incoming>,
            Response = s3s::HttpResponse,
            Error = s3s::HttpError,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// The listener and all its open connections, in a task of their own.
#[derive(Debug)]
pub(crate) struct Connections {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Connections {
    pub(crate) fn serve(listener: TcpListener, service: impl Service) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept_until(stopped, listener, service));
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        // Either fails only when the task has ended already, which is what is asked for.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

// Ends too when the sender of `stopped` is dropped, and the connections with it.
async fn accept_until(
    mut stopped: oneshot::Receiver<()>,
    listener: TcpListener,
    service: impl Service,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn(serve_connection(stream, service.clone()));
                }
                // Out of file handles, most likely: wait for one instead of spinning.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(stream: TcpStream, service: impl Service) {
    // Without it, the end of an answer waits for the peer's delayed ACK.
    let _ = stream.set_nodelay(true);
    // A connection that breaks is the client's to notice.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
