//! Appwrite's queries: `queries[]` holds JSON strings `{"method","attribute","values"}`. They are
//! read here into the domain's query, against the table's columns.

use everlog_domain::query::{Comparison, Direction, Filter, MAX_LIMIT, OrderBy, Query, Total};
use everlog_domain::tables::{ColumnType, TableSchema};
use everlog_domain::time::Time;
use everlog_domain::value::Value;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{ApiError, ErrorType};

/// Most queries of a request.
const MAX_QUERIES: usize = 100;
/// Longest query, in characters.
const MAX_QUERY: usize = 4_096;
/// Most values of one filter.
const MAX_VALUES: usize = 500;
/// Deepest nesting of `and` and `or`.
const MAX_DEPTH: usize = 5;
/// Most rows to skip.
const MAX_OFFSET: u32 = 5_000;

/// From which row on, by the row's public id: the handler knows which primary key that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicCursor {
    /// The page after it.
    After(String),
    /// The page before it.
    Before(String),
}

/// What a list's request asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// As the engine knows it; without the cursor.
    pub query: Query,
    /// From which row on.
    pub cursor: Option<PublicCursor>,
    /// The fields to answer with; all if absent.
    pub select: Option<Vec<String>>,
}

/// What may be asked of a table.
pub struct Listing<'a> {
    /// Its columns.
    pub schema: &'a TableSchema,
    /// Its fields on the wire, beside the `$` fields.
    pub fields: &'a [&'a str],
}

/// One query as it comes.
#[derive(Debug, Deserialize)]
struct Wire {
    method: String,
    #[serde(default)]
    attribute: Option<Json>,
    #[serde(default)]
    values: Vec<Json>,
}

impl Listing<'_> {
    /// Reads the query string of a list: `queries[]=…`, `queries[0]=…`, `total=false`.
    pub fn parse(&self, query_string: &str) -> Result<ListQuery, ApiError> {
        let mut total = Total::Counted;
        let mut texts = Vec::new();
        for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
            match name.as_ref() {
                "total" if value == "false" || value == "0" => total = Total::Skipped,
                "queries" => texts.push(value.into_owned()),
                name if is_element(name) => texts.push(value.into_owned()),
                _ => {}
            }
        }
        let mut list = self.read(&texts)?;
        list.query.total = total;
        Ok(list)
    }

    /// Reads queries: of a request, or of a live subscription.
    pub fn read<S: AsRef<str>>(&self, texts: &[S]) -> Result<ListQuery, ApiError> {
        if texts.len() > MAX_QUERIES {
            let found = texts.len();
            return Err(invalid(format!(
                "expected at most {MAX_QUERIES} queries, found {found}"
            )));
        }
        let mut list = ListQuery {
            query: Query::default(),
            cursor: None,
            select: None,
        };
        for text in texts {
            self.take(&mut list, parse_one(text.as_ref())?)?;
        }
        Ok(list)
    }

    fn take(&self, list: &mut ListQuery, wire: Wire) -> Result<(), ApiError> {
        let Wire {
            method,
            attribute,
            values,
        } = wire;
        let attribute = attribute.as_ref().and_then(Json::as_str);
        match method.as_str() {
            "limit" => list.query.limit = count(&method, &values, 1, MAX_LIMIT)?,
            "offset" => list.query.offset = count(&method, &values, 0, MAX_OFFSET)?,
            "orderAsc" => self.order(&mut list.query, attribute, Direction::Ascending)?,
            "orderDesc" => self.order(&mut list.query, attribute, Direction::Descending)?,
            "cursorAfter" => list.cursor = Some(PublicCursor::After(row_id(&method, &values)?)),
            "cursorBefore" => list.cursor = Some(PublicCursor::Before(row_id(&method, &values)?)),
            "select" => list.select = self.select(&values)?,
            _ => {
                let filter = self.filter(&method, attribute, &values, 0)?;
                list.query.filters.push(filter);
            }
        }
        Ok(())
    }

    fn order(
        &self,
        query: &mut Query,
        attribute: Option<&str>,
        direction: Direction,
    ) -> Result<(), ApiError> {
        let (column, kind) = match attribute.filter(|name| !name.is_empty()) {
            Some(name) => self.column(Some(name))?,
            // the order in which rows were made, whether queries may name the number or not
            None => self.place("$sequence")?,
        };
        if kind == ColumnType::TextList {
            return Err(invalid(format!(
                "{}: a list has no order",
                self.name(column)
            )));
        }
        query.order.push(OrderBy { column, direction });
        Ok(())
    }

    fn select(&self, values: &[Json]) -> Result<Option<Vec<String>>, ApiError> {
        let mut fields = Vec::with_capacity(values.len());
        for value in values {
            let name = value.as_str().unwrap_or_default();
            if name == "*" {
                return Ok(None);
            }
            let known = self.fields.contains(&name) || name.starts_with('$');
            if !known {
                return Err(unknown(name));
            }
            fields.push(name.to_owned());
        }
        Ok(Some(fields))
    }

    fn filter(
        &self,
        method: &str,
        attribute: Option<&str>,
        values: &[Json],
        depth: usize,
    ) -> Result<Filter, ApiError> {
        if values.len() > MAX_VALUES {
            let found = values.len();
            return Err(invalid(format!(
                "{method}: expected at most {MAX_VALUES} values, found {found}"
            )));
        }
        match method {
            "and" => Ok(Filter::And(self.nested(method, values, depth)?)),
            "or" => Ok(Filter::Or(self.nested(method, values, depth)?)),
            "createdBefore" => self.compare("$createdAt", Comparison::Less, values),
            "createdAfter" => self.compare("$createdAt", Comparison::Greater, values),
            "createdBetween" => self.compare("$createdAt", Comparison::Between, values),
            "updatedBefore" => self.compare("$updatedAt", Comparison::Less, values),
            "updatedAfter" => self.compare("$updatedAt", Comparison::Greater, values),
            "updatedBetween" => self.compare("$updatedAt", Comparison::Between, values),
            "containsAll" => self.contains_all(attribute, values),
            "notBetween" => self.not_between(attribute, values),
            _ => {
                let comparison = comparison(method).ok_or_else(|| {
                    let method: String = method.chars().take(64).collect();
                    invalid(format!("the method {method:?} is not known here"))
                })?;
                self.compare(attribute.unwrap_or_default(), comparison, values)
            }
        }
    }

    fn nested(&self, method: &str, values: &[Json], depth: usize) -> Result<Vec<Filter>, ApiError> {
        if depth >= MAX_DEPTH {
            return Err(invalid(format!(
                "expected filters nested at most {MAX_DEPTH} deep"
            )));
        }
        if values.len() < 2 {
            return Err(invalid(format!("{method}: expected two filters or more")));
        }
        let read = |value: &Json| {
            let wire = Wire::deserialize(value).map_err(|error| invalid(error.to_string()))?;
            let attribute = wire.attribute.as_ref().and_then(Json::as_str);
            self.filter(&wire.method, attribute, &wire.values, depth + 1)
        };
        values.iter().map(read).collect()
    }

    fn compare(
        &self,
        attribute: &str,
        comparison: Comparison,
        values: &[Json],
    ) -> Result<Filter, ApiError> {
        let (column, kind) = self.column(Some(attribute))?;
        check_comparison(attribute, comparison, kind, values.len())?;
        let values = values.iter().map(|value| typed(attribute, kind, value));
        Ok(Filter::Compare {
            column,
            comparison,
            values: values.collect::<Result<_, _>>()?,
        })
    }

    fn contains_all(&self, attribute: Option<&str>, values: &[Json]) -> Result<Filter, ApiError> {
        let attribute = attribute.unwrap_or_default();
        let each = values.chunks(1);
        let each = each.map(|value| self.compare(attribute, Comparison::Contains, value));
        let all: Vec<Filter> = each.collect::<Result<_, _>>()?;
        match all.is_empty() {
            true => Err(invalid(format!("{attribute}: expected a value"))),
            false => Ok(Filter::And(all)),
        }
    }

    fn not_between(&self, attribute: Option<&str>, values: &[Json]) -> Result<Filter, ApiError> {
        let attribute = attribute.unwrap_or_default();
        let [low, high] = values else {
            return Err(invalid(format!("{attribute}: expected two values")));
        };
        let below = self.compare(attribute, Comparison::Less, std::slice::from_ref(low))?;
        let above = self.compare(attribute, Comparison::Greater, std::slice::from_ref(high))?;
        Ok(Filter::Or(vec![below, above]))
    }

    /// A column that queries may name. One that they may not is as unknown as one that is not there.
    fn column(&self, name: Option<&str>) -> Result<(usize, ColumnType), ApiError> {
        let name = name.unwrap_or_default();
        let column = match name {
            // participants are asked for by id
            "participants" => "participantIds",
            name => name,
        };
        let (place, kind) = self.place(column).map_err(|_| unknown(name))?;
        match self.schema.columns.get(place) {
            Some(column) if column.queryable => Ok((place, kind)),
            _ => Err(unknown(name)),
        }
    }

    fn place(&self, name: &str) -> Result<(usize, ColumnType), ApiError> {
        let place = self.schema.column(name);
        let column = place.and_then(|place| Some((place, self.schema.columns.get(place)?.kind)));
        column.ok_or_else(|| unknown(name))
    }

    fn name(&self, place: usize) -> &str {
        self.schema
            .columns
            .get(place)
            .map_or("", |column| column.name)
    }
}

fn is_element(name: &str) -> bool {
    let index = name
        .strip_prefix("queries[")
        .and_then(|rest| rest.strip_suffix(']'));
    index.is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
}

fn parse_one(text: &str) -> Result<Wire, ApiError> {
    let found = text.chars().count();
    if found > MAX_QUERY {
        return Err(invalid(format!(
            "expected a query of at most {MAX_QUERY} characters, found {found}"
        )));
    }
    serde_json::from_str(text).map_err(|error| {
        invalid(format!(
            "expected {{\"method\",\"attribute\",\"values\"}}: {error}"
        ))
    })
}

fn comparison(method: &str) -> Option<Comparison> {
    Some(match method {
        "equal" => Comparison::Equal,
        "notEqual" => Comparison::NotEqual,
        "lessThan" => Comparison::Less,
        "lessThanEqual" => Comparison::LessOrEqual,
        "greaterThan" => Comparison::Greater,
        "greaterThanEqual" => Comparison::GreaterOrEqual,
        "between" => Comparison::Between,
        "startsWith" => Comparison::StartsWith,
        "endsWith" => Comparison::EndsWith,
        "contains" | "containsAny" => Comparison::Contains,
        "notContains" => Comparison::NotContains,
        "isNull" => Comparison::IsNull,
        "isNotNull" => Comparison::IsNotNull,
        _ => return None,
    })
}

/// Whether the comparison makes sense for the column's type and has as many values as it takes.
fn check_comparison(
    name: &str,
    comparison: Comparison,
    kind: ColumnType,
    found: usize,
) -> Result<(), ApiError> {
    use Comparison as C;
    let on_text = matches!(kind, ColumnType::Text);
    let on_list = matches!(kind, ColumnType::TextList);
    let fits = match comparison {
        C::IsNull | C::IsNotNull => true,
        C::Contains | C::NotContains => on_text || on_list,
        C::StartsWith | C::EndsWith => on_text,
        C::Equal
        | C::NotEqual
        | C::Less
        | C::LessOrEqual
        | C::Greater
        | C::GreaterOrEqual
        | C::Between => !on_list,
    };
    if !fits {
        return Err(invalid(format!(
            "{name}: this comparison does not fit the column's type"
        )));
    }
    let (least, most) = match comparison {
        C::IsNull | C::IsNotNull => (0, 0),
        C::Equal | C::Contains | C::NotContains => (1, MAX_VALUES),
        C::Between => (2, 2),
        _ => (1, 1),
    };
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(invalid(format!(
        "{name}: expected {least} to {most} values, found {found}"
    )))
}

fn typed(name: &str, kind: ColumnType, value: &Json) -> Result<Value, ApiError> {
    let typed = match kind {
        ColumnType::Bool => value.as_bool().map(Value::Bool),
        ColumnType::Int => value.as_i64().map(Value::Int),
        ColumnType::Float => value.as_f64().filter(|it| it.is_finite()).map(Value::Float),
        ColumnType::Text | ColumnType::TextList => value.as_str().map(Value::text),
        ColumnType::Time => value.as_str().and_then(Time::parse).map(Value::Time),
        ColumnType::Json => None,
    };
    typed.ok_or_else(|| {
        invalid(format!(
            "{name}: expected a value of the column's type, {kind:?}"
        ))
    })
}

fn count(method: &str, values: &[Json], least: u32, most: u32) -> Result<u32, ApiError> {
    let value = match values {
        [value] => value.as_u64().and_then(|value| u32::try_from(value).ok()),
        _ => None,
    };
    value
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| {
            invalid(format!(
                "{method}: expected one number from {least} to {most}"
            ))
        })
}

fn row_id(method: &str, values: &[Json]) -> Result<String, ApiError> {
    match values {
        [Json::String(id)] if !id.is_empty() => Ok(id.clone()),
        _ => Err(invalid(format!("{method}: expected the id of one row"))),
    }
}

fn invalid(reason: String) -> ApiError {
    ApiError::new(ErrorType::QueryInvalid, reason)
}

fn unknown(name: &str) -> ApiError {
    let name: String = name.chars().take(64).collect();
    invalid(format!("there is no attribute {name:?} to query by"))
}
