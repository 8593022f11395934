//! An HTTP request in a goroutine that sends the body over a channel, while main continues.
//!
//! Waiting for the answer keeps no thread: with one P, main, the request and the server take turns on the same one.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use schedulers::gmp::{
    self, Runtime,
    net::{TcpListener, TcpStream},
};

/// Answers one request, in its own time.
fn serve(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    let mut request = BufReader::new(&stream).lines();
    let first = request.next().unwrap_or_else(|| Ok(String::new()))?;
    while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let path = first.split(' ').nth(1).unwrap_or("/");
    let body = format!(r#"{{"path": "{path}"}}"#);
    gmp::time::sleep(Duration::from_millis(20));
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// The body of the answer.
fn get(server: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other(head.to_owned()));
    }
    Ok(body.to_owned())
}

/// What happens, in order.
pub fn story() -> io::Result<Vec<String>> {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(1).build()? };
    runtime.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = gmp::spawn(move || serve(&listener));

        let (sender, receiver) = gmp::channel(0);
        drop(gmp::spawn(move || sender.send(get(address, "/goroutines"))));

        let mut story = vec!["Program continues...".to_owned()];
        while receiver.is_empty() && story.len() < 4 {
            gmp::time::sleep(Duration::from_millis(1));
            story.push("Does other things".to_owned());
        }

        let body = receiver.recv().map_err(io::Error::other)??;
        story.push(format!("Done, result is {body}"));
        server.join().expect("the server does not panic")?;
        Ok(story)
    })
}

/// Tells it.
pub fn main() -> io::Result<()> {
    story()?.iter().for_each(|line| println!("{line}"));
    Ok(())
}
