//! What can go wrong on the way.

use std::io;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use futures_util::{StreamExt, stream};

use super::refusal;

/// One answer that goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// 500.
    Broken,
    /// 429 with `Retry-After` in seconds.
    Busy { seconds: u64 },
    /// No first byte.
    Silent,
    /// The connection ends after so many bytes of the body.
    Cut { after: usize },
    /// One byte of the body is another one.
    Corrupt,
    /// A body of another kind and length.
    Instead(&'static str),
    /// `Link` to this very page.
    Circle,
}

impl Fault {
    pub(super) async fn instead_of(self, request: Request, next: Next) -> Response {
        let uri = request.uri().to_string();
        let own = |status: StatusCode| refusal(status, "", "ordered by the test");
        match self {
            Self::Broken => own(StatusCode::INTERNAL_SERVER_ERROR),
            Self::Busy { seconds } => {
                let mut response = own(StatusCode::TOO_MANY_REQUESTS);
                response.headers_mut().insert("retry-after", seconds.into());
                response
            }
            Self::Silent => std::future::pending().await,
            Self::Instead(text) => Response::new(text.into()),
            Self::Cut { after } => {
                let (parts, body) = next.run(request).await.into_parts();
                let body = whole(body).await.slice(..after);
                let cut = stream::once(async {
                    // The bytes before the cut leave first.
                    tokio::task::yield_now().await;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    Err(io::Error::other("cut"))
                });
                let body = stream::iter([Ok(body)]).chain(cut);
                Response::from_parts(parts, Body::from_stream(body))
            }
            Self::Corrupt => {
                let (parts, body) = next.run(request).await.into_parts();
                let mut body = whole(body).await.to_vec();
                if let Some(last) = body.last_mut() {
                    *last ^= 1;
                }
                Response::from_parts(parts, body.into())
            }
            Self::Circle => {
                let mut response = next.run(request).await;
                let link = format!("<{uri}>; rel=\"next\"").parse().expect("plain text");
                response.headers_mut().insert("link", link);
                response
            }
        }
    }
}

async fn whole(body: Body) -> Bytes {
    to_bytes(body, usize::MAX).await.expect("a body of the fake Hub")
}
