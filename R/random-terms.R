# The random-effects terms of a model: levels and codes of the grouping factors, and the model
# matrices of the left sides.

# Terms in lme4's order: as in the formula if the numbers of levels do not increase, otherwise
# by decreasing number of levels, terms with the same number from last to first.
build_random_terms <- function(bars, frame, contrasts) {
  used <- used_or_all(frame)
  groups <- list()
  terms <- list()
  for (bar in bars) {
    for (group in bar$groups) {
      if (is.null(groups[[group$name]])) groups[[group$name]] <- group_codes(group, frame, used)
    }
    terms <- c(terms, terms_of_bar(bar, groups, left_side(bar, frame, contrasts)))
  }
  if (length(terms) == 1L) return(terms)
  counts <- vapply(terms, function(term) length(term$levels), 1L)
  if (any(diff(counts) > 0L)) terms <- terms[rev(order(counts))]
  name_terms(terms)
}

name_terms <- function(terms) {
  group <- vapply(terms, `[[`, "", "group")
  name <- make.unique(group)
  factor <- match(group, unique(group))
  for (i in seq_along(terms)) {
    terms[[i]]$name <- name[i]
    terms[[i]]$factor <- factor[i]
  }
  terms
}

# One term for each group, and for `||` one for each column of the left side as well.
terms_of_bar <- function(bar, groups, left) {
  terms <- list()
  for (part in if (bar$split) split_columns(left) else list(left)) {
    text <- if (bar$split) part$text else text_of(bar$left)
    for (group in bar$groups) {
      codes <- groups[[group$name]]
      terms[[length(terms) + 1L]] <- list(
        group = group$name, name = group$name, columns = part$columns, levels = codes$levels,
        codes = codes$codes, Z = part$Z, factor = 1L, kind = "us",
        call = paste(text, "|", group$name), contrasts = part$contrasts
      )
    }
  }
  terms
}

# Model matrix of a left side: Z (NULL for the intercept alone) and the names of its columns.
left_side <- function(bar, frame, contrasts) {
  if (is.null(bar$terms)) return(list(columns = "(Intercept)", Z = NULL, text = "1"))
  Z <- plain_matrix(bar$terms, frame)
  if (is.null(Z)) Z <- model_matrix(bar$terms, frame, contrasts)
  if (ncol(Z) == 0L) {
    stop_rlmm("formula", paste0("the left side of the random-effects term ", bar_text(bar$bar),
      " has no column"), term = bar_text(bar$bar))
  }
  columns <- dimnames(Z)[[2L]]
  list(
    columns = columns, contrasts = attr(Z, "contrasts"),
    Z = if (!identical(columns, "(Intercept)")) bare_matrix(Z, columns)
  )
}

# Without row names and the attributes of a model matrix.
bare_matrix <- function(Z, columns) {
  attributes(Z) <- list(dim = dim(Z), dimnames = list(NULL, columns))
  Z
}

# The usual left sides, numeric variables and perhaps an intercept, at the cost of a copy.
plain_matrix <- function(terms, frame) {
  labels <- attr(terms, "term.labels")
  columns <- unclass(frame)[labels]
  for (x in columns) if (!is.numeric(x) || is.object(x) || !is.null(dim(x))) return(NULL)
  n <- .row_names_info(frame, 2L)
  if (attr(terms, "intercept")) {
    labels <- c("(Intercept)", labels)
    columns <- c(list(rep(1, n)), columns)
  }
  Z <- as.double(unlist(columns, use.names = FALSE))
  attributes(Z) <- list(dim = c(n, length(columns)), dimnames = list(NULL, labels))
  Z
}

split_columns <- function(left) {
  lapply(seq_along(left$columns), function(k) {
    column <- left$columns[k]
    intercept <- column == "(Intercept)"
    list(
      columns = column, contrasts = left$contrasts,
      Z = if (!intercept) left$Z[, k, drop = FALSE],
      text = if (intercept) "1" else paste("0 +", column)
    )
  })
}

# Levels of a grouping factor and the code of each row. `used`: rows that count, NULL for all.
group_codes <- function(group, frame, used = NULL) {
  parts <- lapply(group$parts, function(expr) {
    column_codes(.subset2(frame, text_of(expr)), group$name)
  })
  drop_unused_levels(if (length(parts) == 1L) parts[[1L]] else crossed_codes(parts), used)
}

# Terms as in rlmm_frame(), from a fitted model. Rows of weight zero whose level has no other rows
# have the code NA.
random_terms <- function(object) {
  contrasts <- unlist(lapply(object$random, `[[`, "contrasts"), recursive = FALSE)
  contrasts <- c(object$contrasts, contrasts)
  bars <- parse_formula(object$formula)$bars
  build_random_terms(bars, object$frame, contrasts[!duplicated(names(contrasts))])
}

# Are there enough levels and observations for the terms? As the user wants it in `check`.
check_random_terms <- function(terms, n, check) {
  checked <- 0L
  for (term in terms) {
    # factors are numbered as they come
    if (term$factor <= checked) next
    checked <- term$factor
    check_levels_of(term, n, check)
  }
  for (term in terms) {
    effects <- length(term$levels) * length(term$columns)
    if (effects < n) next
    signal_as(check$nobs_vs_nRE, "too_many_effects", paste0("the random-effects term (", term$call,
      ") has ", effects, " random effects (", length(term$levels), " levels, ",
      length(term$columns), " columns) for ", n, " observations; they cannot be told from the ",
      "residuals. Simplify the term, or see 'check' in ?rlmm_control if the residual variance is ",
      "known"), term = term$call)
  }
}

check_levels_of <- function(term, n, check) {
  levels <- length(term$levels)
  if (levels < 2L) {
    signal_as(check$nlev_gtr_1, "one_level", paste0("the grouping factor '", term$group, "' of (",
      term$call, ") has one level only ('", term$levels, "') in the rows that are used; leave the ",
      "term out"), term = term$call, column = term$group, level = term$levels)
  }
  if (levels >= n) {
    signal_as(check$nobs_vs_nlev, "too_many_levels", paste0("the grouping factor '", term$group,
      "' of (", term$call, ") has as many levels as there are observations (", n,
      "); its effects cannot be told from the residuals. Group by something coarser, or see ",
      "'check' in ?rlmm_control if the residual variance is known"),
    term = term$call, column = term$group)
  }
}
