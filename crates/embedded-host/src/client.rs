//! A plain HTTP/1.1 client, with a connection for each call. It sends what it is told and nothing else, and can leave in the
//! middle.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// A server that says nothing for so long is taken to hang.
const PATIENCE: Duration = Duration::from_secs(180);

/// A request.
pub struct Call {
    address: String,
    head: String,
    body: Vec<u8>,
}

/// Where a caller leaves, which closes its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// After so many bytes of the request's body, the rest of which is never sent.
    InBody(usize),
    /// After the request, without a look at the answer.
    BeforeAnswer,
    /// After so many bytes of the answer, its head included.
    InAnswer(usize),
}

impl Call {
    /// To `http://HOST:PORT`.
    pub fn new(origin: &str, method: &str, path: &str) -> Self {
        let address = origin.trim_start_matches("http://").to_owned();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        Self {
            address,
            head,
            body: Vec::new(),
        }
    }

    /// With one header more.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// With a body and its length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", &length)
    }

    /// Opens the connection and sends the head; the rest is the caller's to do.
    ///
    /// # Errors
    /// When nothing listens, or it hangs up at once.
    pub fn begin(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{}\r\n", self.head).as_bytes())?;
        Ok(stream)
    }

    /// Sends it all, and reads the answer.
    ///
    /// # Errors
    /// When no answer begins.
    pub fn send(&self) -> io::Result<Reply> {
        let mut stream = self.begin()?;
        // A server may answer without reading it all.
        let _ = stream.write_all(&self.body);
        Reply::read(&mut stream)
    }

    /// Sends it, leaves in the middle after a while in which it does nothing, and returns as much of the answer as was read.
    /// A caller that leaves at once may be gone before a server has looked at its request.
    ///
    /// # Errors
    /// When the server hangs up before the caller does.
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

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers, the names in lower case.
    pub headers: Vec<(String, String)>,
    /// As much of its body as came.
    pub body: Vec<u8>,
    /// Whether the body ended as it said it would.
    pub whole: bool,
}

impl Reply {
    /// Reads until the server hangs up.
    ///
    /// # Errors
    /// When there is no head of an answer.
    pub fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        // A reset after the answer is no fault of the answer.
        let ended = stream.read_to_end(&mut bytes);
        Self::parse(&bytes).ok_or_else(|| match ended {
            Err(error) if bytes.is_empty() => error,
            _ => io::Error::new(io::ErrorKind::InvalidData, format!("no head in {} bytes", bytes.len())),
        })
    }

    /// An answer, or the beginning of one; `None` where its head does not end.
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

    /// The value of the first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Takes the chunks of a body together. `None`: the last one is not there.
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
