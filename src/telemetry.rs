//! Logs, spans and metrics.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// What is logged unless `EVERLOG_LOG` says otherwise. The engines tell of every file.
const DEFAULT_FILTER: &str = "info,fjall=warn,lsm_tree=warn";
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
/// How often histograms take in what was recorded.
const UPKEEP_EACH: Duration = Duration::from_secs(5);
/// Bounds of the buckets of everything that is measured in seconds.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Writes logs to standard error: for people on a terminal, as JSON lines elsewhere. `EVERLOG_LOG`
/// filters them, as in `info,everlog=debug`.
pub(crate) fn start_logs() {
    let filter = EnvFilter::try_from_env("EVERLOG_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match std::io::stderr().is_terminal() {
        true => logs.try_init(),
        false => logs
            .json()
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logs were started before");
    }
}

/// Collects metrics, for `GET /metrics`. Before it, and without it, they go nowhere.
pub(crate) fn start_metrics() {
    let builder = PrometheusBuilder::new();
    let suffix = Matcher::Suffix("_seconds".to_owned());
    let builder = builder.set_buckets_for_metric(suffix, SECONDS);
    match builder.and_then(PrometheusBuilder::install_recorder) {
        Ok(handle) => {
            METRICS.get_or_init(|| handle);
        }
        Err(error) => tracing::warn!(%error, "metrics are not collected"),
    }
}

/// Keeps histograms from growing while nobody asks for them. Never ends.
pub(crate) async fn keep_metrics() {
    let mut ticks = tokio::time::interval(UPKEEP_EACH);
    loop {
        ticks.tick().await;
        if let Some(metrics) = METRICS.get() {
            metrics.run_upkeep();
        }
    }
}

/// All metrics in Prometheus' text form.
#[must_use]
pub(crate) fn render_metrics() -> String {
    METRICS
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}
