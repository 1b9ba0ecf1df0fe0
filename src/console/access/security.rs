//! What every answer tells the browser: to run nothing but our own files, to show us in no frame, and to keep nothing.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;

/// `same-origin` and not `no-referrer`: no other site hears of our addresses by either, but with the latter browsers write `Origin: null` on our
/// own forms, as on those of a stranger.
fn headers() -> [(HeaderName, &'static str); 6] {
    const ONLY_OURS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
        form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let of_origin = |name| (HeaderName::from_static(name), "same-origin");
    [
        (header::CONTENT_SECURITY_POLICY, ONLY_OURS),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        of_origin("referrer-policy"),
        of_origin("cross-origin-opener-policy"),
        of_origin("cross-origin-resource-policy"),
    ]
}

/// Adds them to every answer of these pages, also to those that are errors. It stands around everything else.
pub fn with_headers(router: Router) -> Router {
    router.layer(from_fn(add))
}

async fn add(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let said = response.headers_mut();
    for (name, value) in headers() {
        said.insert(name, HeaderValue::from_static(value));
    }
    // Files that never change say so themselves.
    let no_store = HeaderValue::from_static("no-store");
    said.entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}
