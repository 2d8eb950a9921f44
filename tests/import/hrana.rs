//! As much of a libSQL server as an import asks for: Hrana 2 over HTTP, on a database in memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value, json};

/// A server of a test's own.
pub struct LibSql {
    url: String,
    database: Arc<Mutex<Connection>>,
}

impl LibSql {
    /// One that lets in whoever has this token.
    pub fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let database = Arc::new(Mutex::new(Connection::open_in_memory().unwrap()));
        let (shared, authorization) = (Arc::clone(&database), format!("Bearer {token}"));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, authorization) = (Arc::clone(&shared), authorization.clone());
                std::thread::spawn(move || answer(&stream, &shared, &authorization));
            }
        });
        Self { url, database }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Any statements.
    pub fn run(&self, sql: &str) {
        self.database.lock().unwrap().execute_batch(sql).unwrap();
    }

    /// The number that a query asks for.
    pub fn count(&self, query: &str) -> i64 {
        let database = self.database.lock().unwrap();
        database.query_one(query, [], |row| row.get(0)).unwrap()
    }
}

fn answer(stream: &TcpStream, database: &Mutex<Connection>, authorization: &str) {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    while let Some((request_line, fields)) = read_head(&mut reader) {
        let field = |name: &str| {
            let mut fields = fields.iter();
            fields.find_map(|(field, value)| (field == name).then_some(value.as_str()))
        };
        let length = field("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (status, body) = if request_line != "POST /v2/pipeline HTTP/1.1" {
            (404, json!({"error": "no such path"}))
        } else if field("authorization") != Some(authorization) {
            (401, json!({"error": "no such token"}))
        } else {
            let asked = serde_json::from_slice(&body).unwrap();
            (200, pipeline(&database.lock().unwrap(), &asked))
        };
        let body = body.to_string();
        let length = body.len();
        write!(
            writer,
            "HTTP/1.1 {status} -\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
    }
}

/// The request line, and the fields with their names in lower case.
fn read_head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut lines = reader.lines().map_while(Result::ok);
    let request_line = lines.next()?;
    let fields = lines
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        })
        .collect();
    Some((request_line, fields))
}

fn pipeline(database: &Connection, asked: &Value) -> Value {
    let requests = asked["requests"].as_array().unwrap();
    let results: Vec<Value> = requests
        .iter()
        .map(|request| match run(database, request) {
            Ok(response) => json!({"type": "ok", "response": response}),
            Err(error) => json!({"type": "error", "error": {"message": error.to_string()}}),
        })
        .collect();
    json!({"baton": null, "base_url": null, "results": results})
}

fn run(database: &Connection, request: &Value) -> rusqlite::Result<Value> {
    match request["type"].as_str().unwrap() {
        "sequence" => database
            .execute_batch(request["sql"].as_str().unwrap())
            .map(|()| json!({"type": "sequence"})),
        "batch" => Ok(json!({"type": "batch", "result": batch(database, &request["batch"])})),
        "close" => Ok(json!({"type": "close"})),
        other => panic!("a request that this server does not know: {other}"),
    }
}

fn batch(database: &Connection, batch: &Value) -> Value {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for step in batch["steps"].as_array().unwrap() {
        let (result, error) = if holds(&step["condition"], &results) {
            match execute(database, &step["stmt"]) {
                Ok(rows) => (json!({"affected_row_count": rows}), Value::Null),
                Err(error) => (Value::Null, json!({"message": error.to_string()})),
            }
        } else {
            (Value::Null, Value::Null)
        };
        results.push(result);
        errors.push(error);
    }
    json!({"step_results": results, "step_errors": errors})
}

fn holds(condition: &Value, results: &[Value]) -> bool {
    match condition["type"].as_str() {
        None => true,
        Some("ok") => {
            let step = condition["step"].as_u64().unwrap();
            !results[usize::try_from(step).unwrap()].is_null()
        }
        Some("not") => !holds(&condition["cond"], results),
        Some(other) => panic!("a condition that this server does not know: {other}"),
    }
}

fn execute(database: &Connection, statement: &Value) -> rusqlite::Result<usize> {
    let arguments = statement["args"].as_array().into_iter().flatten();
    let arguments = arguments.map(|argument| {
        let value = argument["value"].as_str().unwrap();
        match argument["type"].as_str().unwrap() {
            "text" => SqlValue::Text(value.to_owned()),
            "integer" => SqlValue::Integer(value.parse().unwrap()),
            other => panic!("a type that this server does not know: {other}"),
        }
    });
    database.execute(
        statement["sql"].as_str().unwrap(),
        params_from_iter(arguments),
    )
}
