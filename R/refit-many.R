# Many responses on one design.

# One column for each response, with a value for each row of the frame.
response_matrix <- function(object, responses) {
  columns <- if (is.matrix(responses)) asplit(responses, 2L) else as.list(responses)
  Y <- vapply(columns, response_rows, numeric(nrow(object$frame)), object = object)
  labels <- if (is.matrix(responses)) colnames(responses) else names(responses)
  if (is.null(labels)) labels <- paste0("y", seq_along(columns))
  colnames(Y) <- make.unique(labels)
  Y
}

refit_many <- function(object, Y, ddf) {
  refuse_constrained(object, "refit() of many responses")
  with_df <- one_of(ddf, c("Satterthwaite", "none"), "ddf") == "Satterthwaite"
  used <- used_rows(object$frame)
  Y <- Y[used, , drop = FALSE]
  error <- why_not_fitted(Y)
  fits <- refit_columns(object, Y[, is.na(error), drop = FALSE], with_df)
  error[is.na(error)] <- fits$error
  # of all responses, NA for those that were not fitted
  all <- function(values) {
    out <- matrix(NA_real_, nrow(values), ncol(Y))
    out[, is.na(error)] <- values[, is.na(fits$error)]
    out
  }
  by_response <- function(name, columns) {
    matrix(t(all(fits[[name]])), ncol(Y), length(columns), dimnames = list(colnames(Y), columns))
  }
  note <- rep(NA_character_, ncol(Y))
  note[is.na(error)] <- fits$doubt[is.na(fits$error)]
  random <- lapply(object$random, `[`, c("group", "name", "columns", "factor"))
  parameters <- by_response("parameters", variance_parameter_names(object))
  structure(class = "rlmm_refits", list(
    call = object$call, formula = object$formula, REML = object$REML, random = random,
    responses = colnames(Y), beta = by_response("beta", names(object$beta)),
    se = by_response("se", names(object$beta)), df = if (with_df) by_response("df",
      names(object$beta)), theta = by_response("theta", theta_names(object)),
    parameters = parameters, sigma = unname(parameters[, "sigma"]),
    criterion = all(fits$criterion)[1L, ], nobs = all(fits$nobs)[1L, ],
    evaluations = all(fits$evaluations)[1L, ], certified = all(fits$certified)[1L, ] == 1,
    singular = by_response("singular", vapply(random, `[[`, "", "name")) == 1, error = error,
    note = note
  ))
}

# For each column the reason why it cannot be a response, NA where there is none.
why_not_fitted <- function(Y) {
  present <- colSums(!is.na(Y))
  # Inf - Inf and NaN - NaN are neither zero nor positive
  spread <- apply(Y, 2L, function(y) suppressWarnings(max(y, na.rm = TRUE) - min(y, na.rm = TRUE)))
  error <- rep(NA_character_, ncol(Y))
  error[present > 0L & !is.na(spread) & spread == 0] <- "the response is constant"
  error[present > 0L & !is.finite(spread)] <- "there are infinite values in the response"
  error[present == 0L] <- "all values of the response are missing"
  error
}

# Fits of all columns of Y, which has the rows of positive weight, in one parallel call. A response
# that cannot be fitted does not stop the others: `error` says why.
refit_columns <- function(object, Y, with_df) {
  frame <- rebuilt_frame(object)
  terms <- lapply(frame$random, function(term) {
    term[c("codes", "Z")] <- term_for_rust(term, if (!is.null(frame$weights)) frame$weights > 0)[
      c("codes", "Z")]
    term
  })
  fits <- checked_fits(do.call(rust_refit_columns, c(rust_arguments(frame), list(Y,
    refit_settings(frame, df = with_df)))))
  for (j in which(fits$nobs[1L, ] < nrow(Y))) {
    if (is.na(fits$error[j])) fits$error[j] <- too_few(terms, Y[, j], frame$control$check)
  }
  fits
}

# How Rust is to make many fits: from where, to what precision, and whether to give random effects
# and degrees of freedom with them.
refit_settings <- function(frame, start = double(), effects = FALSE, df = FALSE) {
  list(start = start, tol = frame$control$tol, max_eval = frame$control$max_eval,
    scales = lapply(frame$random, row_scale), effects = effects, df = df)
}

# Fits from Rust with NA where there is no text.
checked_fits <- function(fits) {
  fits <- rust_result(fits)
  fits$error[!nzchar(fits$error)] <- NA
  fits$doubt[!nzchar(fits$doubt)] <- NA
  fits
}

# Whether the rows that a response has are enough for the terms, as a text that says what is not.
too_few <- function(terms, y, check) {
  present <- !is.na(y)
  left <- lapply(terms, function(term) {
    term[c("codes", "levels")] <- drop_unused_levels(term[c("codes", "levels")], present)
    term
  })
  tryCatch({
    check_random_terms(left, sum(present), check)
    NA_character_
  }, rlmm_error = conditionMessage)
}

#' Estimates of many fits on one design
#'
#' What [refit()] gives for several responses: thousands of genes or voxels, or simulated data.
#'
#' @param x,object What [refit()] gave for several responses.
#' @param row.names,optional As in [as.data.frame()]; not used.
#' @param what `"fixed"` for the fixed effects, `"random"` for variances and correlations, `"fit"`
#'   for one row on each fit.
#' @param ... Not used.
#' @return A data frame, response by response in the order given:
#' * `"fixed"`: `response`, `term`, `estimate`, `std.error`, `statistic` (their ratio), `df`
#'   (Satterthwaite's, see [rlmm-ddf], unless [refit()] was asked for none) and `p.value`;
#' * `"random"`: `response` and the columns of `as.data.frame(VarCorr())`: `grp`, `var1`, `var2`,
#'   `vcov`, `sdcor`;
#' * `"fit"`: `response`, `sigma`, `criterion` (the REML criterion, or the deviance), `logLik`,
#'   `df`, `nobs`, `certified` (was the optimum certified?), `singular`, `evaluations`, `error`,
#'   which says why a response was not fitted (its other columns are then `NA`), and `note`, which
#'   says why an optimum was not certified.
#'
#' `fixef()` gives the matrix of estimates, responses in rows; `x$parameters` is that of standard
#' deviations and correlations, `x$singular` tells which terms are singular.
#' @details
#' The responses are fitted in parallel, each on one thread; see `threads` in [rlmm_control()]. The
#' design is read once, and each search starts where that of [rlmm()] would.
#'
#' A missing value leaves its row out of that response's fit only.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy)
#' responses <- data.frame(raw = sleepstudy$Reaction, log = log(sleepstudy$Reaction))
#' fits <- refit(fit, responses)
#' fits
#' as.data.frame(fits)
#' as.data.frame(fits, what = "random")
#' @export
as.data.frame.rlmm_refits <- function(x, row.names = NULL, optional = FALSE,
                                      what = c("fixed", "random", "fit"), ...) {
  switch(match.arg(what), fixed = refits_fixed(x), random = refits_random(x), fit = refits_fit(x))
}

refits_fixed <- function(x) {
  estimate <- as.vector(t(x$beta))
  se <- as.vector(t(x$se))
  out <- data.frame(
    response = rep(x$responses, each = ncol(x$beta)),
    term = rep(colnames(x$beta), length(x$responses)),
    estimate = estimate, std.error = se, statistic = estimate / se
  )
  if (is.null(x$df)) return(out)
  out$df <- as.vector(t(x$df))
  out$p.value <- 2 * stats::pt(-abs(out$statistic), out$df)
  out
}

refits_random <- function(x) {
  table <- parameter_table(x)
  n <- length(x$responses)
  labels <- data.frame(grp = table$group, var1 = table$var1, var2 = table$var2)
  data.frame(
    response = rep(x$responses, each = nrow(labels)),
    labels[rep(seq_len(nrow(labels)), n), ],
    vcov = as.vector(t(as_covariances(x$parameters, table))),
    sdcor = as.vector(t(x$parameters)), row.names = NULL
  )
}

# Variances and covariances from standard deviations and correlations, both by column, of which the
# rows of parameter_table() tell what they are. Without variance there is no covariance.
as_covariances <- function(parameters, table) {
  out <- parameters^2
  effect <- paste(table$group, table$var1)
  for (k in which(!is.na(table$var2))) {
    of <- match(c(effect[k], paste(table$group[k], table$var2[k])), effect)
    product <- parameters[, of[1L]] * parameters[, of[2L]]
    out[, k] <- ifelse(product == 0, 0, parameters[, k] * product)
  }
  out
}

refits_fit <- function(x) {
  n_par <- rowSums(!is.na(x$beta)) + ncol(x$theta) + 1L
  data.frame(
    response = x$responses, sigma = x$sigma, criterion = x$criterion, logLik = -x$criterion / 2,
    df = ifelse(is.na(x$criterion), NA, n_par), nobs = x$nobs, certified = x$certified,
    singular = rowSums(x$singular) > 0, evaluations = x$evaluations, error = x$error,
    note = x$note
  )
}

#' @rdname as.data.frame.rlmm_refits
#' @export
fixef.rlmm_refits <- function(object, ...) object$beta

#' @rdname as.data.frame.rlmm_refits
#' @export
print.rlmm_refits <- function(x, ...) {
  cat(length(x$responses), " responses: ", fit_title(x$REML), " ['rlmm']\n", sep = "")
  print_call(x$call, x$formula)
  cat("singular: ", sum(rowSums(x$singular) > 0, na.rm = TRUE), ", not certified: ",
    sum(!x$certified, na.rm = TRUE), ", not fitted: ", sum(!is.na(x$error)), "\n", sep = "")
  if (ncol(x$beta)) {
    cat("Estimates of the fixed effects:\n")
    print(t(apply(x$beta, 2L, stats::quantile, na.rm = TRUE)))
  }
  invisible(x)
}
