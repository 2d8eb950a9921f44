//! What nginx keeps, and what it asks the app for again.
