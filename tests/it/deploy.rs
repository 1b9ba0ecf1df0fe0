//! What the service is deployed with: the image, compose, and the manifests of `deploy/kubernetes`. No engine is needed: the container that they
//! describe is made of a folder, mounts and a user, and the service runs in it.

mod compose;
mod container;
mod documents;
mod image;
mod journey;
mod kubernetes;
mod manifests;
