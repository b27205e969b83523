//! Templates of threads, as rows have them.

use everlog_domain::ids::{ProjectNumber, TemplateId};
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::tables::system::thread_templates;
use everlog_domain::thread_templates::rows::template_of;
use everlog_domain::threads::ThreadTemplate;
use everlog_domain::value::Value;

/// What a template says, if there is one with this id.
pub(crate) fn template(
    view: &dyn RowsView,
    project: ProjectNumber,
    id: &TemplateId,
) -> Result<Option<ThreadTemplate>, RowsFailure> {
    let key = [Value::text(id.as_str())];
    let Some(row) = view.get(project, thread_templates::TABLE, &key)? else {
        return Ok(None);
    };
    let damaged = || RowsFailure::Damaged {
        table: thread_templates::TABLE.0,
        key: id.to_string(),
        reason: "the template's row does not read".to_owned(),
    };
    template_of(&row).map(Some).ok_or_else(damaged)
}
