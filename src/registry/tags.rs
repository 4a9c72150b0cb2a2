//! Tag lists over all their pages. A list that cannot be read to its end is an
//! error, never a shorter list; so is one that is too long for any repository.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use reqwest::Method;

use super::error::RegistryError;
use super::host::{Ask, Host, Target};
use super::link;
use super::reading;
use crate::image::Tag;

/// Tags asked for at once, and after a registry refused that many.
const PAGES: (usize, usize) = (1000, 100);

/// Largest page that is read, in bytes; a page of a thousand tags has some ten thousand.
/// See `docs/limits.md`.
const PAGE_BYTES: usize = 16 << 20;

/// Largest list over all its pages, in bytes: half a million tags of 60 characters.
/// See `docs/limits.md`.
const LIST_BYTES: usize = 32 << 20;

/// All tags of a repository. Names that are not tags are left out: nothing can be
/// pulled by them.
pub(super) async fn list(host: &Host, path: &str) -> Result<Vec<Tag>, RegistryError> {
    let time = host.settings().list_time;
    let late = |_| {
        let seconds = time.as_secs_f32();
        let reason = format!("the list has not come to its end within {seconds} s");
        malformed(host, path, reason)
    };
    let list = tokio::time::timeout(time, pages(host, path)).await;
    list.map_err(late)?
}

fn malformed(host: &Host, path: &str, reason: String) -> RegistryError {
    RegistryError::Malformed {
        registry: host.name().to_owned(),
        what: format!("the tags of {path}"),
        reason,
    }
}

async fn pages(host: &Host, path: &str) -> Result<Vec<Tag>, RegistryError> {
    let malformed = |reason: String| malformed(host, path, reason);
    let most = host.settings().page_limit;
    let mut tags = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    let mut target = first_page(host);
    loop {
        if seen.len() >= most {
            return Err(malformed(format!("the list has more than {most} pages")));
        }
        let first = seen.is_empty();
        let ask = Ask {
            method: Method::GET,
            path,
            target,
            what: path.to_owned(),
            accept: Some("application/json"),
            limit: PAGE_BYTES,
        };
        let reply = host.ask(&ask).await?;
        let refused = matches!(reply.answer.status.as_u16(), 400 | 405 | 413 | 416);
        if refused && first && !host.wants_small_pages() {
            host.small_pages.store(true, Ordering::Relaxed);
            target = first_page(host);
            continue;
        }
        let answer = reply.success()?;
        bytes += answer.body.len();
        if bytes > LIST_BYTES {
            return Err(malformed(format!(
                "the list is larger than {LIST_BYTES} bytes"
            )));
        }
        tags.extend(reading::tags(&answer.body).map_err(malformed)?);
        let next = link::next(&answer.headers, &answer.url);
        let next = next.map_err(|reason| malformed(host.words().shown(&reason)))?;
        seen.insert(answer.url);
        match next {
            Some(next) if seen.contains(&next) => {
                return Err(malformed("a page names itself as the next one".to_owned()));
            }
            Some(next) => target = Target::Whole(next),
            None => return Ok(tags.into_iter().collect()),
        }
    }
}

fn first_page(host: &Host) -> Target {
    let size = match host.wants_small_pages() {
        true => PAGES.1,
        false => PAGES.0,
    };
    Target::Below(format!("tags/list?n={size}"))
}
