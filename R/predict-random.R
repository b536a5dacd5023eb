# Random effects in predictions: which terms re.form asks for, and Z b on any data.

# The bars that re.form asks for: all for NULL, none for NA or a formula without bars.
wanted_bars <- function(object, re.form) {
  if (is.null(re.form)) return(parse_formula(object$formula)$bars)
  if (inherits(re.form, "formula")) {
    bars <- lapply(find_bars(re.form), parse_bar)
    check_bars(object, bars)
    return(bars)
  }
  if (length(re.form) == 1L && is.na(re.form)) return(list())
  stop_rlmm("re_form", "'re.form' must be NULL, NA, ~0 or a one-sided formula such as ~ (1 | g)")
}

check_bars <- function(object, bars) {
  groups <- unlist(lapply(bars, function(bar) vapply(bar$groups, `[[`, "", "name")))
  new <- setdiff(groups, factor_names(object))
  if (length(new)) {
    stop_rlmm("re_form", paste0("'re.form' has the grouping factor '", new[1L],
      "', and the model has ", quoted_list(factor_names(object))), term = new[1L])
  }
  new <- setdiff(left_variables(bars), names(object$frame))
  if (length(new)) {
    stop_rlmm("re_form", paste0("'re.form' has the variable '", new[1L],
      "', which the model does not have"), column = new[1L])
  }
}

left_variables <- function(bars) {
  unlist(lapply(bars, function(bar) if (!is.null(bar$terms)) variable_names(bar$terms)))
}

group_variables <- function(bars) {
  groups <- unlist(lapply(bars, `[[`, "groups"), recursive = FALSE)
  unlist(lapply(groups, function(group) vapply(group$parts, text_of, "")))
}

random_part <- function(object, data, bars, allow.new.levels) {
  effects <- lapply(bars, bar_effects, object = object, data = data, allow = allow.new.levels)
  Reduce(`+`, effects, numeric(nrow(data)))
}

# Z b of one bar on any data, with b looked up by grouping factor, column and level.
bar_effects <- function(bar, object, data, allow) {
  Z <- if (!is.null(bar$terms)) {
    stats::model.matrix(bar$terms, data, contrasts_of(object, bar$terms))
  }
  columns <- if (is.null(Z)) "(Intercept)" else colnames(Z)
  effects <- lapply(bar$groups, function(group) {
    b <- modes_of_columns(object, group$name, if (bar$split) as.list(columns) else list(columns))
    found <- group_codes(group, data)
    if (!allow) check_levels(group$name, found, rownames(b))
    term_effects(match(found$levels, rownames(b))[found$codes], Z, b)
  })
  Reduce(`+`, effects)
}

contrasts_of <- function(object, terms) {
  all <- c(object$contrasts, unlist(lapply(object$random, `[[`, "contrasts"), recursive = FALSE))
  all[intersect(variable_names(terms), names(all))]
}

# Modes of a grouping factor, the wanted columns of them, part by part: those of the term with
# exactly these columns, otherwise from all terms of the factor.
modes_of_columns <- function(object, group, parts) {
  terms <- vapply(object$random, `[[`, "", "group") == group
  b <- modes(object)[terms]
  chosen <- lapply(parts, function(columns) {
    same <- vapply(b, function(x) identical(colnames(x), columns), NA)
    if (any(same)) return(b[[which(same)[1L]]])
    all <- do.call(cbind, b)
    missing <- setdiff(columns, colnames(all))
    if (length(missing)) {
      stop_rlmm("re_form", paste0("'re.form' has the random effect '", missing[1L], "' of '", group,
        "', and the model has ", quoted_list(colnames(all))), term = group, column = missing[1L])
    }
    all[, columns, drop = FALSE]
  })
  do.call(cbind, chosen)
}

check_levels <- function(group, found, known) {
  if (anyNA(found$codes)) {
    stop_rlmm("missing_group", paste0("the grouping factor '", group, "' is missing in row ",
      which(is.na(found$codes))[1L], " of 'newdata'; allow.new.levels = TRUE predicts for such ",
      "rows with random effects of zero"), term = group)
  }
  new <- setdiff(found$levels, known)
  if (length(new) == 0L) return(invisible())
  stop_rlmm("new_levels", paste0("the grouping factor '", group, "' has levels in 'newdata' that ",
    "the fit has not seen: ", quoted_list(new), "; allow.new.levels = TRUE predicts for them ",
    "with random effects of zero"), term = group, level = new)
}
