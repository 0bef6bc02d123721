//! A tiny HTTP server on loopback that answers as a test tells it, well or badly.

use bitcoin::base64::Engine as _;
use bitcoin::base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Debug, Clone)]
pub(super) struct Request {
    authorization: String,
    path: String,
    pub(super) body: Value,
}

impl Request {
    /// `user:password` as the client sent them.
    pub(super) fn login(&self) -> String {
        let encoded = self.authorization.strip_prefix("Basic ").unwrap();
        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
    }

    pub(super) fn calls(&self) -> usize {
        self.body.as_array().unwrap().len()
    }

    pub(super) fn method(&self) -> &str {
        self.body[0]["method"].as_str().unwrap()
    }
}

pub(super) enum Reply {
    /// Status and body, properly framed.
    Json(u16, String),
    /// The same with bytes.
    Bytes(Vec<u8>),
    /// A good answer, after which the connection is closed without a word.
    ThenClose(String),
    /// Just these bytes, and the end.
    Raw(Vec<u8>),
    /// A good head, then a body without end.
    Endless,
    /// Nothing, with the connection open.
    Stall,
    /// A byte now and then.
    Trickle,
    /// The end, before any answer.
    Close,
}

pub(super) struct Fake {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    pub(super) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_rest(handler, |_| Reply::Json(404, String::new()))
    }

    /// The same with answers to REST requests, which are not among [`Self::requests`].
    pub(super) fn with_rest(
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        rest: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let handler = move |request: &Request| match request.path.strip_prefix("/rest/") {
            Some(path) => rest(path),
            None => handler(request),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let fake = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (fake.connections.clone(), fake.requests.clone());
        let handler = Arc::new(handler);
        // The threads end with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (handler, requests) = (handler.clone(), requests.clone());
                thread::spawn(move || serve(&stream, &*handler, &requests));
            }
        });
        fake
    }

    /// A server that answers each call of each batch.
    pub(super) fn answering(
        answer: impl Fn(&str, &Value) -> Result<Value, (i64, String)> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |request| Reply::Json(200, reply_to(&request.body, &answer)))
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// A port on which nobody listens, for as long as nobody else takes it.
    pub(super) fn free_port(&self) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_ne!(port, self.port);
        port
    }
}

/// The batch's answer, in reverse order: a client must go by the ids.
pub(super) fn reply_to(
    batch: &Value,
    answer: impl Fn(&str, &Value) -> Result<Value, (i64, String)>,
) -> String {
    let calls = batch.as_array().unwrap().iter().rev();
    let replies = calls.map(|call| {
        let id = &call["id"];
        match answer(call["method"].as_str().unwrap(), &call["params"]) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((code, message)) => json!({
                "jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message},
            }),
        }
    });
    Value::from(replies.collect::<Vec<_>>()).to_string()
}

/// What the server on `port` answers to `request`.
pub(super) fn forward(port: u16, request: &Request) -> String {
    let mut response = ureq::post(&format!("http://127.0.0.1:{port}/"))
        .header("Authorization", &request.authorization)
        .send(request.body.to_string().as_bytes())
        .unwrap();
    response.body_mut().read_to_string().unwrap()
}

fn serve(
    mut stream: &TcpStream,
    handler: &(impl Fn(&Request) -> Reply + ?Sized),
    requests: &Mutex<Vec<Request>>,
) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        if request.path == "/" {
            requests.lock().unwrap().push(request.clone());
        }
        let (bytes, goes_on) = match handler(&request) {
            Reply::Json(status, body) => (framed(status, body.as_bytes()), true),
            Reply::Bytes(body) => (framed(200, &body), true),
            Reply::ThenClose(body) => (framed(200, body.as_bytes()), false),
            Reply::Raw(bytes) => (bytes, false),
            Reply::Close => (Vec::new(), false),
            Reply::Stall => {
                // Until the client gives up.
                let _ = reader.read(&mut [0]);
                return;
            }
            Reply::Trickle => {
                let mut head = &b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"[..];
                let pause = std::time::Duration::from_millis(50);
                stream.set_read_timeout(Some(pause)).unwrap();
                // Waiting for bytes that don't come is the pause between those that go.
                while stream.write_all(head).is_ok() && !matches!(reader.read(&mut [0]), Ok(0)) {
                    head = b" ";
                }
                return;
            }
            Reply::Endless => {
                let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                let mut open = stream.write_all(head).is_ok();
                while open {
                    open = stream.write_all(chunk.as_bytes()).is_ok();
                }
                return;
            }
        };
        if stream.write_all(&bytes).is_err() || !goes_on {
            return;
        }
    }
}

fn framed(status: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The next request on the connection; `None` when the client is gone.
fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut length = 0;
    let mut authorization = String::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "authorization" => value.trim().clone_into(&mut authorization),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = match body.as_slice() {
        [] => Value::Null,
        body => serde_json::from_slice(body).ok()?,
    };
    Some(Request {
        authorization,
        path,
        body,
    })
}
