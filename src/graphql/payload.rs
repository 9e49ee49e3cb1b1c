//! The payloads of mutations: one shape for all of them.

/// Declares a mutation's payload type: status, what changed, problems, and the signed-in person as they are afterwards, so
/// that a client selects what else its screens show of them. After `for nobody` there is no such person. A payload with
/// one field or none is made of what an action answered.
macro_rules! payload {
    (@from $name:ident { }) => {
        impl From<$crate::graphql::errors::Settled<()>> for $name {
            fn from((status, _, problems): $crate::graphql::errors::Settled<()>) -> Self {
                Self { status, problems }
            }
        }
    };
    (@from $name:ident { $field:ident : $type:ty }) => {
        impl<T: Into<$type>> From<$crate::graphql::errors::Settled<T>> for $name {
            fn from((status, value, problems): $crate::graphql::errors::Settled<T>) -> Self {
                Self { status, $field: value.map(Into::into), problems }
            }
        }
    };
    (@from $name:ident { $($fields:tt)* }) => {};
    (@viewer $name:ident) => {
        #[async_graphql::ComplexObject]
        impl $name {
            /// The viewer after the mutation: select what your screens show of them.
            async fn viewer(&self, ctx: &async_graphql::Context<'_>) -> Option<$crate::graphql::types::viewer::Viewer> {
                $crate::graphql::requester(ctx).ok().map($crate::graphql::types::viewer::Viewer)
            }
        }
    };
    (@object [$($attribute:tt)*] [$(#[$doc:meta])*] $name:ident {
        $($(#[$field_doc:meta])* $field:ident : $type:ty),*
    }) => {
        $(#[$doc])*
        #[derive(async_graphql::SimpleObject)]
        $($attribute)*
        pub struct $name {
            /// Outcome of the mutation.
            status: $crate::graphql::errors::Status,
            $($(#[$field_doc])* $field: Option<$type>,)*
            /// Why the mutation was refused; empty otherwise.
            problems: Vec<$crate::graphql::errors::ProblemView>,
        }
        $crate::graphql::payload::payload!(@from $name { $($field : $type),* });
    };
    ($(#[$doc:meta])* $name:ident for nobody { $($fields:tt)* }) => {
        $crate::graphql::payload::payload!(@object [] [$(#[$doc])*] $name { $($fields)* });
    };
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        $crate::graphql::payload::payload!(@object [#[graphql(complex)]] [$(#[$doc])*] $name { $($fields)* });
        $crate::graphql::payload::payload!(@viewer $name);
    };
}
pub(crate) use payload;
