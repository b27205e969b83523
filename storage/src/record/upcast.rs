//! Payloads of older versions, brought up step by step. A version never changes its meaning: who
//! changes the form of a kind raises its current version in the domain, adds the step from the
//! version before here, and leaves the golden bytes of the old one in place.

use std::borrow::Cow;

use everlog_domain::envelope::EventKind;
use serde_json::Value as Json;

/// Brings a payload of one kind from one version to the next.
struct Step {
    kind: EventKind,
    from: u16,
    to_next: fn(Json) -> Result<Json, String>,
}

/// No kind has had a second version yet.
const STEPS: &[Step] = &[];

/// The payload in the current version of its kind.
pub(super) fn upcast(kind: EventKind, version: u16, bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    bring_up(STEPS, kind, version, kind.current_version(), bytes)
}

fn bring_up<'a>(
    steps: &[Step],
    kind: EventKind,
    version: u16,
    current: u16,
    bytes: &'a [u8],
) -> Result<Cow<'a, [u8]>, String> {
    if version == current {
        return Ok(Cow::Borrowed(bytes));
    }
    if version == 0 || version > current {
        return Err(format!(
            "this release knows versions 1 to {current}: use the release that wrote this folder"
        ));
    }
    let mut payload: Json = rmp_serde::from_slice(bytes).map_err(|error| error.to_string())?;
    for from in version..current {
        let step = steps
            .iter()
            .find(|step| step.kind == kind && step.from == from)
            .ok_or_else(|| format!("there is no step from version {from} to the next"))?;
        payload = (step.to_next)(payload)?;
    }
    rmp_serde::to_vec_named(&payload)
        .map(Cow::Owned)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KIND: EventKind = EventKind::ThreadUpdated;

    const STEPS: &[Step] = &[
        Step {
            kind: KIND,
            from: 1,
            to_next: |mut payload| {
                let title = payload["title"].take();
                Ok(json!({ "name": title }))
            },
        },
        Step {
            kind: KIND,
            from: 2,
            to_next: |mut payload| {
                payload["metadata"] = json!({});
                Ok(payload)
            },
        },
    ];

    fn read(version: u16, payload: &Json) -> Result<Json, String> {
        let bytes = rmp_serde::to_vec_named(payload).unwrap();
        let current = bring_up(STEPS, KIND, version, 3, &bytes)?;
        Ok(rmp_serde::from_slice(&current).unwrap())
    }

    #[test]
    fn versions_that_no_step_leads_from_are_refused() {
        for version in [0, 4, u16::MAX] {
            assert!(read(version, &json!({})).is_err(), "version {version}");
        }
        let bytes = rmp_serde::to_vec_named(&json!({})).unwrap();
        assert!(bring_up(STEPS, EventKind::ItemPosted, 1, 2, &bytes).is_err());
        assert!(bring_up(STEPS, KIND, 1, 3, &[0xc1]).is_err());
    }

    #[test]
    fn steps_follow_one_another_up_to_the_current_version() {
        let newest = json!({ "name": "a", "metadata": {} });
        assert_eq!(read(1, &json!({ "title": "a" })), Ok(newest.clone()));
        assert_eq!(read(2, &json!({ "name": "a" })), Ok(newest.clone()));
        assert_eq!(read(3, &newest), Ok(newest));
    }
}
