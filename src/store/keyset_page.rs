//! Keyset pages: the one way in which long lists are read, in either direction.

/// Loads the page of a boxed query that a [`crate::domain::keyset_page::KeysetPage`] asks for. The list is ordered by
/// the column `$at`, then by `$id`, both ascending if `rising`, else descending.
macro_rules! load_page {
    ($db:expr, $query:expr, $page:expr, rising: $rising:expr, by: ($at:expr, $id:expr)) => {{
        let (page, rising) = ($page, $rising);
        let mut query = $query.limit(page.limit);
        let above = if rising { page.after } else { page.before };
        let below = if rising { page.before } else { page.after };
        if let Some((at, id)) = above {
            let at = $crate::store::types::Ts::from(at);
            query = query.filter($at.gt(at).or($at.eq(at).and($id.gt(id))));
        }
        if let Some((at, id)) = below {
            let at = $crate::store::types::Ts::from(at);
            query = query.filter($at.lt(at).or($at.eq(at).and($id.lt(id))));
        }
        // The last rows are the first rows of the reversed list.
        let rows = if rising == page.from_end {
            query.order(($at.desc(), $id.desc())).load($db)
        } else {
            query.order(($at.asc(), $id.asc())).load($db)
        };
        rows.map(|mut rows| {
            if page.from_end {
                rows.reverse();
            }
            rows
        })
    }};
}
pub(super) use load_page;
