//! Fields that survive a fault: one that cannot be read now is null by itself, and `errors` says why.

use super::errors::{Failure, log_fault};
use crate::actions::Fault;
use crate::actions::opened::{Opened, Unopened};
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

/// A value, or why it could not be read. To clients its field is nullable: the failure nulls this field and no other.
pub struct Readable<T>(Result<T, Failure>);

impl<T> From<Result<T, Failure>> for Readable<T> {
    fn from(read: Result<T, Failure>) -> Self {
        Self(read)
    }
}

impl<T> From<Opened<T>> for Readable<T> {
    fn from(opened: Opened<T>) -> Self {
        Self(opened.map_err(|unopened| Failure::Fault(Fault::Vault(unopened))))
    }
}

/// A field of something sealed, of which each field fails on its own.
pub fn of<T, U>(opened: &Opened<T>, field: impl FnOnce(&T) -> U) -> Readable<U> {
    opened.as_ref().map(field).map_err(|unopened| *unopened).into()
}

/// The causes that one request met already, each with its id in the log: many fields may fail by the same.
#[derive(Default)]
pub struct Causes(Mutex<Vec<(Unopened, String)>>);

impl Causes {
    fn id(&self, cause: Unopened, fault: &Fault) -> String {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, id)) = met.iter().find(|(other, _)| *other == cause) {
            return id.clone();
        }
        let id = log_fault(fault);
        met.push((cause, id.clone()));
        id
    }
}

fn error_of(failure: &Failure, causes: Option<&Causes>) -> async_graphql::Error {
    failure.error(|fault| match (fault, causes) {
        (Fault::Vault(cause), Some(causes)) => causes.id(*cause, fault),
        _ => log_fault(fault),
    })
}

impl<T: OutputType + Sync> OutputType for Readable<T> {
    fn type_name() -> Cow<'static, str> {
        Option::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Option::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Option::<T>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let failed = match &self.0 {
            Ok(value) => match value.resolve(ctx, field).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            },
            Err(failure) => {
                let error = error_of(failure, ctx.data_opt::<Causes>());
                ctx.set_error_path(error.into_server_error(field.pos))
            }
        };
        ctx.add_error(failed);
        Ok(Value::Null)
    }
}
