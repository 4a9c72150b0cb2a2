//! The house of `kubectl-gitops`, room by room.
//!
//! Words come in at [`cli`]; an operation in [`ops`] gathers facts through the
//! adapters ([`git`], [`registry`], [`cluster`], [`schema`]), plans on pure
//! domain values ([`repo`], [`yaml`], [`image`], [`product`], [`resource`],
//! [`template`], [`promotion`], [`check`], [`config`]) and leaves through one writer,
//! `ops::publish`. [`report`] turns values into bytes. What no output may show is
//! recognised in [`confidential`], by whichever room needs it; [`files`] and [`glob`]
//! have limits that hold wherever a file or a glob comes from.

pub mod check;
pub mod cli;
pub mod cluster;
pub mod confidential;
pub mod config;
pub mod files;
pub mod git;
pub mod glob;
pub mod image;
pub mod ops;
pub mod product;
pub mod promotion;
pub mod registry;
pub mod repo;
pub mod report;
pub mod resource;
pub mod schema;
pub mod template;
pub mod yaml;
