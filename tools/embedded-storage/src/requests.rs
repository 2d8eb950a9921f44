use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Method, Request};
use hyper::body::Incoming;
use hyper::service::Service;

/// The head of a request that a client sent.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// The method, as received.
    pub method: Method,
    /// The request target, percent-encoded as received, for example `/images/a%20b?partNumber=1`.
    pub path_and_query: String,
    /// All header fields, as received.
    pub headers: HeaderMap,
}

/// The requests seen so far; clones share one list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<SeenRequest>>>);

impl Journal {
    pub(crate) fn entries(&self) -> Vec<SeenRequest> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn enter(&self, request: &Request<Incoming>) {
        let seen = SeenRequest {
            method: request.method().clone(),
            path_and_query: request
                .uri()
                .path_and_query()
                .map_or_else(|| request.uri().path().to_owned(), ToString::to_string),
            headers: request.headers().clone(),
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(seen);
    }
}

/// Enters each request in the journal before the service within sees it.
#[derive(Clone)]
pub(crate) struct Recorded<S> {
    service: S,
    journal: Journal,
}

impl<S> Recorded<S> {
    pub(crate) fn new(service: S, journal: Journal) -> Self {
        Self { service, journal }
    }
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for Recorded<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.journal.enter(&request);
        self.service.call(request)
    }
}
