//! A floor for the bench: the cost of a function that calls nothing and responds to every request with an empty 201.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(answer)).await
}

async fn answer(_request: Request) -> Result<Response<Body>, Error> {
    Ok(Response::builder().status(201).header("content-type", "application/json").body(Body::from("{}"))?)
}
