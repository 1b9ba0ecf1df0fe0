//! Connections that a handler can cut: hyper always writes some answer, so the sockets themselves learn to refuse it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

const UP: u8 = 0;
const CUT: u8 = 1;
const RESET: u8 = 2;

/// One connection, as a handler sees it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    end: Arc<AtomicU8>,
    /// The address of the other end.
    pub(super) peer: IpAddr,
}

impl Line {
    fn new(peer: IpAddr) -> Self {
        Self {
            end: Arc::new(AtomicU8::new(UP)),
            peer,
        }
    }

    /// From now on nothing is read or written, which makes the server drop the connection.
    pub(super) fn cut(&self) {
        self.end.store(CUT, Ordering::Release);
    }

    /// The same, and the other end gets a reset instead of an orderly close.
    pub(super) fn reset(&self) {
        self.end.store(RESET, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, LineListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, LineListener>) -> Self {
        stream.io().line.clone()
    }
}

/// A TCP listener whose connections can be cut and send without delay.
#[derive(Debug)]
pub(super) struct LineListener(pub(super) TcpListener);

impl Listener for LineListener {
    type Io = LineStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LineStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, peer)) => {
                    // A socket whose option cannot be set is already dead, and the next read says so.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "sandbox cannot set nodelay");
                    }
                    return (
                        LineStream {
                            stream,
                            line: Line::new(peer.ip()),
                        },
                        peer,
                    );
                }
                Err(error) => {
                    // Out of file descriptors, most likely: a moment's wait instead of a hot loop.
                    tracing::warn!(%error, "sandbox cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A stream that fails once its line is cut.
#[derive(Debug)]
pub(super) struct LineStream {
    stream: TcpStream,
    line: Line,
}

impl LineStream {
    fn check(&self) -> io::Result<()> {
        match self.line.end.load(Ordering::Acquire) {
            UP => return Ok(()),
            // What is closed without lingering is reset.
            RESET => self.stream.set_zero_linger()?,
            _ => {}
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl AsyncRead for LineStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
