//! A floor for the bench: Lambda's event loop over one socket, without libraries. Nothing that runs on Lambda takes
//! less.
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const ANSWER: &str = r#"{"statusCode":201,"headers":{"content-type":"application/json"},"body":"{}"}"#;

#[expect(clippy::disallowed_methods, reason = "it shares nothing with the functions")]
fn main() -> io::Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut connection = BufReader::new(TcpStream::connect(&api)?);
    loop {
        let invocations = "/2018-06-01/runtime/invocation";
        let next = format!("GET {invocations}/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
        let id = exchange(&mut connection, &next)?;
        let length = ANSWER.len();
        let answer =
            format!("POST {invocations}/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-length: {length}\r\n\r\n");
        exchange(&mut connection, &(answer + ANSWER))?;
    }
}

/// Sends a request and reads the whole response. Returns the invocation's id, if there is one.
fn exchange(connection: &mut BufReader<TcpStream>, request: &str) -> io::Result<String> {
    connection.get_mut().write_all(request.as_bytes())?;
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "lambda-runtime-aws-request-id" => value.clone_into(&mut id),
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            _ => {}
        }
    }
    io::copy(&mut connection.take(length), &mut io::sink())?;
    Ok(id)
}
