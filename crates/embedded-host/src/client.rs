//! A plain HTTP/1.1 client with one connection per call. It sends exactly what the test specifies, and can
//! disconnect midway.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// A server that sends nothing for this long is considered hung.
const PATIENCE: Duration = Duration::from_secs(180);

/// A request.
pub struct Call {
    address: String,
    head: String,
    body: Vec<u8>,
}

/// The point at which a caller disconnects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// After this many bytes of the request's body; the rest is never sent.
    InBody(usize),
    /// After the request, without reading the response.
    BeforeAnswer,
    /// After this many bytes of the response, including its head.
    InAnswer(usize),
}

impl Call {
    /// A call to `http://HOST:PORT`.
    pub fn new(origin: &str, method: &str, path: &str) -> Self {
        let address = origin.trim_start_matches("http://").to_owned();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        Self {
            address,
            head,
            body: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Adds a body and its length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", &length)
    }

    /// Connects and sends the head; the test does the rest.
    ///
    /// # Errors
    /// If nothing listens, or the server disconnects immediately.
    pub fn begin(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{}\r\n", self.head).as_bytes())?;
        Ok(stream)
    }

    /// Sends the entire request, and reads the response.
    ///
    /// # Errors
    /// If no response begins.
    pub fn send(&self) -> io::Result<Reply> {
        let mut stream = self.begin()?;
        // A server may respond without reading the entire body.
        let _ = stream.write_all(&self.body);
        Reply::read(&mut stream)
    }

    /// Sends the request, idles for `after`, disconnects, and returns the bytes of the response that were read.
    /// A caller that disconnects without a pause may be gone before the server has read its request.
    ///
    /// # Errors
    /// If the server disconnects first.
    pub fn leave(&self, at: Leaving, after: Duration) -> io::Result<Vec<u8>> {
        let mut stream = self.begin()?;
        let (sent, read) = match at {
            Leaving::InBody(sent) => (sent.min(self.body.len()), 0),
            Leaving::BeforeAnswer => (self.body.len(), 0),
            Leaving::InAnswer(read) => (self.body.len(), read),
        };
        stream.write_all(self.body.get(..sent).unwrap_or_default())?;
        let mut answer = Vec::new();
        if read > 0 {
            (&stream).take(read as u64).read_to_end(&mut answer)?;
        }
        thread::sleep(after);
        Ok(answer)
    }
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body that were received.
    pub body: Vec<u8>,
    /// Whether the body is complete.
    pub whole: bool,
}

impl Reply {
    /// Reads until the server disconnects.
    ///
    /// # Errors
    /// If the head is missing or incomplete.
    pub fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        // A connection reset after the response does not matter.
        let ended = stream.read_to_end(&mut bytes);
        Self::parse(&bytes).ok_or_else(|| match ended {
            Err(error) if bytes.is_empty() => error,
            _ => io::Error::new(io::ErrorKind::InvalidData, format!("no head in {} bytes", bytes.len())),
        })
    }

    /// Parses a response, or the start of one; `None` if its head is incomplete.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, rest) = (bytes.get(..end)?, bytes.get(end + 4..)?);
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .map(|line| line.split_once(": "))
            .map(|line| line.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())))
            .collect::<Option<_>>()?;
        let mut reply = Self {
            status,
            headers,
            body: Vec::new(),
            whole: true,
        };
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.whole = unchunk(rest, &mut reply.body).is_some();
        } else {
            reply.body = rest.to_vec();
            let length = reply.header("content-length").map(str::parse::<usize>);
            reply.whole = length.is_none_or(|length| length == Ok(reply.body.len()));
        }
        Some(reply)
    }

    /// The value of the first header with this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Joins the chunks of a body. `None` if the last one is missing.
fn unchunk(mut rest: &[u8], body: &mut Vec<u8>) -> Option<()> {
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..end)?).ok()?, 16).ok()?;
        if size == 0 {
            return Some(());
        }
        let chunk = rest.get(end + 2..)?;
        body.extend_from_slice(chunk.get(..size).unwrap_or(chunk));
        rest = chunk.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;

    #[test]
    fn an_answer_is_whole_when_it_ends_as_it_said() {
        let whole = |text: &str| Reply::parse(text.as_bytes()).map(|reply| (reply.whole, reply.text()));
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(whole(&format!("{head}abc")), Some((true, "abc".to_owned())));
        assert_eq!(whole(&format!("{head}ab")), Some((false, "ab".to_owned())));
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(
            whole(&format!("{head}3\r\nabc\r\n0\r\n\r\n")),
            Some((true, "abc".to_owned()))
        );
        assert_eq!(whole(&format!("{head}3\r\nabc\r\n")), Some((false, "abc".to_owned())));
        assert_eq!(whole(&format!("{head}5\r\nabc")), Some((false, "abc".to_owned())));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Len"), None);
    }
}
