//! The files of `deploy/one-machine`: a unit of systemd, and nginx and Caddy before the app.

mod guide;
mod kept;
mod not_kept;
mod same_answers;
mod unit;
