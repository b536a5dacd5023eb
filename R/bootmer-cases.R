# Samples of cases as fitted models, for statistics computed in R.

case_statistic_drawer <- function(task, statistic) {
  relabelled <- variables_of_copies(task$fit, task$cases$copied)
  function(first, count) {
    values <- lapply(first + seq_len(count) - 1L, function(replicate) {
      drawn <- rust_result(rust_case_rows(task$cases, task$seed, replicate))
      sample <- with_cases(task$fit, drawn$rows, drawn$copies, relabelled)
      statistic_of_sample(sample, statistic, task, replicate + 1)
    })
    collect <- function(name) lapply(values, `[[`, name)
    fitted <- list(singular = do.call(rbind, collect("singular")), doubt = unlist(collect("doubt")),
      evaluations = unlist(collect("evaluations")), error = rep(NA_character_, count))
    with_statistics(fitted, values, task)
  }
}

# What evaluate_statistic() gives for a sample that is still to be fitted, and how the fit went.
statistic_of_sample <- function(sample, statistic, task, replicate) {
  none <- list(singular = rep(NA, length(sample$random)), doubt = NA_character_,
    evaluations = NA_real_)
  doubt <- NA_character_
  fit <- tryCatch(
    withCallingHandlers(fit_again(sample), rlmm_warning = function(w) {
      doubt <<- conditionMessage(w)
      invokeRestart("muffleWarning")
    }, rlmm_message = function(m) invokeRestart("muffleMessage")),
    rlmm_error = function(e) e
  )
  if (inherits(fit, "error")) return(c(none, list(failure = conditionMessage(fit))))
  terms <- random_terms(fit)
  bad <- vapply(singular_directions(terms, fit$theta), `[[`, "", "term")
  singular <- vapply(terms, `[[`, "", "call") %in% bad
  # terms stand in the order of their numbers of levels, which is the sample's
  singular <- singular[match(term_keys(task$fit$random), term_keys(terms))]
  c(list(singular = singular, doubt = doubt, evaluations = fit$optinfo$evaluations),
    evaluate_statistic(statistic, fit, task, replicate))
}

# The object with some rows of its frame, those of positive weight counted; in the variables that
# are `relabelled` each copy has levels of its own.
with_cases <- function(object, rows, copies = NULL, relabelled = character()) {
  used <- which(used_rows(object$frame))
  frame <- lapply(unclass(object$frame), function(x) {
    if (is.matrix(x)) x[used[rows], , drop = FALSE] else x[used[rows]]
  })
  for (name in relabelled) frame[[name]] <- factor(paste0(frame[[name]], " #", copies))
  for (name in names(frame)) {
    if (has_unused_levels(frame[[name]])) frame[[name]] <- without_unused(frame[[name]], name)
  }
  terms <- attr(object$frame, "terms")
  object$frame <- structure(frame, class = "data.frame", row.names = seq_along(rows), terms = terms)
  object
}

# One variable of each grouping factor whose levels are to be told apart in copies. It must not
# stand for anything else in the model.
variables_of_copies <- function(object, copied) {
  if (!any(copied)) return(character())
  parsed <- parse_formula(object$formula)
  groups <- unlist(lapply(parsed$bars, `[[`, "groups"), recursive = FALSE)
  names(groups) <- vapply(groups, `[[`, "", "name")
  parts <- lapply(groups[!duplicated(names(groups))], function(g) vapply(g$parts, text_of, ""))
  taken <- c(all.vars(parsed$fixed), left_variables(parsed$bars),
    unlist(parts[names(copied)[!copied]]))
  chosen <- character()
  for (name in names(copied)[copied]) {
    free <- setdiff(parts[[name]], taken)
    if (length(free) == 0L) {
      stop_rlmm("bad_argument", paste0("'", parts[[name]][1L], "' is a grouping variable and ",
        "something else in the model, so that copies of groups cannot be told apart for FUN"),
      column = parts[[name]][1L])
    }
    if (!any(free %in% chosen)) chosen <- c(chosen, free[1L])
  }
  chosen
}

# The statistic without each group of cases in turn: one row for each, NA where it failed.
jackknife_statistic <- function(task, statistic) {
  if (is.null(statistic)) {
    frame <- rebuilt_frame(task$fit)
    fits <- checked_fits(do.call(rust_bootstrap_cases, c(rust_arguments(frame), list(task$cases,
      refit_settings(frame, task$fit$theta), task$seed, 0L, 0L))))
    return(batch_of_fits(fits)$t)
  }
  keep_generator(do.call(rbind, lapply(seq_len(task$cases$groups), function(group) {
    sample <- with_cases(task$fit, which(task$cases$codes != group))
    value <- statistic_of_sample(sample, statistic, task, group)$value
    if (is.null(value)) rep(NA_real_, length(task$labels)) else value
  })))
}
