#' A fit as data frames, by generics and broom.mixed
#'
#' Methods of `tidy()`, `glance()` and `augment()`, the generics of the package generics that broom,
#' broom.mixed, modelsummary, gtsummary and others use, with the columns that broom.mixed gives for
#' lmer fits.
#'
#' @param x A model fitted by [rlmm()].
#' @param effects Any of `"fixed"`; `"ran_pars"`, standard deviations and correlations;
#'   `"ran_vals"`, the random effects; `"ran_coefs"`, the coefficients by level.
#' @param scales For `"ran_pars"`: `"sdcor"` or `"vcov"`, variances and covariances.
#' @param exponentiate Take exponentials of the fixed effects and their limits? Standard errors are
#'   multiplied by the estimates (delta method).
#' @param ran_prefix The two words before the names of `"ran_pars"`; by default `sd` and `cor`, or
#'   `var` and `cov`.
#' @param conf.int Give limits, too?
#' @param conf.level Their probability.
#' @param conf.method `"Wald"`, or `"profile"` or `"boot"` by [confint()][confint.rlmm()]. Wald
#'   limits of fixed effects are those of the t distribution, of standard deviations symmetric on
#'   the log scale and of correlations on that of Fisher's z, see [intervals.rlmm()].
#' @param ddf.method Degrees of freedom of the fixed effects, see [rlmm-ddf]: `"Satterthwaite"`
#'   (also `NULL`), `"Kenward-Roger"`, or `"none"` for a table without `df` and `p.value`.
#' @param data The data to put the columns beside: those of the fit's rows, or all rows that the fit
#'   was given.
#' @param newdata New data, to predict for.
#' @param ... For `tidy()`, handed to [confint()]; for `augment()` with `newdata`, to
#'   [predict()][predict.rlmm()].
#' @return A tibble where the package tibble is installed, otherwise a data frame.
#' * `tidy()`: `effect`, `group`, `level`, `term`, `estimate`, `std.error`, `statistic`, `df`,
#'   `p.value`, `conf.low`, `conf.high`, as far as they apply. `group` is the name of the term's
#'   grouping factor or `Residual`, terms are called as in `sd__(Intercept)`, `cor__(Intercept).x`,
#'   `sd__Observation`.
#' * `glance()`: one row: `nobs`, `sigma`, `logLik`, `AIC`, `BIC`, `REMLcrit` or `deviance`,
#'   `df.residual`.
#' * `augment()`: the data (and `.rownames`, if they have names) with `.fitted`, `.resid`, `.hat`,
#'   `.cooksd`, `.fixed` (the fit without random effects), `.mu`, `.offset`, `.sqrtXwt`, `.sqrtrwt`,
#'   `.weights`, `.wtres`. Cook's distances are by deletion, see [influence.rlmm()], and not as lme4
#'   has them.
#' @examplesIf requireNamespace("generics", quietly = TRUE)
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' generics::tidy(fit, conf.int = TRUE)
#' generics::glance(fit)
#' head(generics::augment(fit))
#' @name tidy.rlmm
#' @exportS3Method generics::tidy
tidy.rlmm <- function(x, effects = c("ran_pars", "fixed"), scales = NULL, exponentiate = FALSE,
                      ran_prefix = NULL, conf.int = FALSE, conf.level = 0.95, conf.method = "Wald",
                      ddf.method = NULL, ...) {
  known <- c("fixed", "ran_pars", "ran_vals", "ran_coefs")
  effects <- known[known %in% vapply(effects, one_of, "", known, "effects")]
  conf.method <- one_of(conf.method, c("Wald", "profile", "boot"), "conf.method")
  check_interval(conf.level, Inf, 1L)
  limits <- if (conf.int && conf.method != "Wald" && any(c("fixed", "ran_pars") %in% effects)) {
    stats::confint(x, level = conf.level, method = conf.method, oldNames = FALSE, ...)
  }
  level <- if (conf.int) conf.level
  parts <- lapply(effects, function(effect) switch(effect,
    fixed = tidy_fixed(x, ddf.method, level, limits, exponentiate),
    ran_pars = tidy_parameters(x, scales, ran_prefix, level, limits),
    ran_vals = tidy_effects(x, level), ran_coefs = tidy_coefficients(x)
  ))
  as_tibble_if_possible(bind_rows_of(Map(cbind, effect = effects, parts)))
}

tidy_fixed <- function(x, ddf, level, limits, exponentiate) {
  test <- coefficient_tests(x, match_ddf(if (is.null(ddf)) "Satterthwaite" else ddf))
  out <- data.frame(term = test$term, estimate = test$estimate, std.error = test$std_error,
    statistic = test$statistic)
  if (!identical(ddf, "none") && !identical(ddf, "lme4")) {
    out$df <- test$df
    out$p.value <- test$p
  }
  if (!is.null(level)) {
    half <- stats::qt((1 + level) / 2, test$df) * test$std_error
    both <- if (is.null(limits)) cbind(test$estimate - half, test$estimate + half) else
      limits[test$term, , drop = FALSE]
    out$conf.low <- unname(both[, 1L])
    out$conf.high <- unname(both[, 2L])
  }
  if (exponentiate) {
    out$std.error <- out$std.error * exp(out$estimate)
    for (column in intersect(c("estimate", "conf.low", "conf.high"), names(out))) {
      out[[column]] <- exp(out[[column]])
    }
  }
  out
}

# Standard deviations and correlations, or variances and covariances, in the order of lme4 1.
tidy_parameters <- function(x, scales, prefix, level, limits) {
  scales <- one_of(if (is.null(scales)) "sdcor" else scales, c("sdcor", "vcov"), "scales")
  if (is.null(prefix)) prefix <- switch(scales, sdcor = c("sd", "cor"), vcov = c("var", "cov"))
  table <- variance_parameters(x, if (scales == "vcov") "variance" else "sdcor")
  wanted <- as.data.frame(VarCorr(x), order = "lower.tri")
  key <- function(group, var1, var2) paste(group, var1, var2, sep = "|")
  at <- match(key(wanted$grp, wanted$var1, wanted$var2), key(table$group, table$var1, table$var2))
  table <- table[at, ]
  single <- is.na(table$var2)
  effect <- ifelse(is.na(table$var1), "Observation", table$var1)
  out <- data.frame(group = table$group, term = ifelse(single, paste0(prefix[1L], "__", effect),
    paste0(prefix[2L], "__", effect, ".", table$var2)), estimate = table$estimate,
  std.error = table$std_error)
  if (is.null(level)) return(out)
  both <- parameter_limits(x, level, limits)[at, , drop = FALSE]
  if (scales == "vcov") both <- limits_of_variances(both, single)
  out$conf.low <- unname(both[, 1L])
  out$conf.high <- unname(both[, 2L])
  out
}

# Limits of standard deviations and correlations in the order of variance_parameters().
parameter_limits <- function(x, level, limits) {
  if (is.null(limits)) return(variance_intervals(x, level)[, c("lower", "upper"), drop = FALSE])
  limits[variance_parameter_names(x), , drop = FALSE]
}

# Those of a covariance do not follow from those of its parts.
limits_of_variances <- function(both, single) {
  both[single, ] <- both[single, ]^2
  both[!single, ] <- NA
  both
}

tidy_effects <- function(x, level) {
  long <- as.data.frame(ranef(x))
  out <- data.frame(group = long$grpvar, level = as.character(long$grp),
    term = as.character(long$term), estimate = long$condval, std.error = long$condsd)
  if (is.null(level)) return(out)
  half <- stats::qnorm((1 + level) / 2) * out$std.error
  cbind(out, conf.low = out$estimate - half, conf.high = out$estimate + half)
}

tidy_coefficients <- function(x) {
  parts <- unclass(coef(x))
  do.call(rbind, unname(Map(function(b, group) {
    data.frame(group = group, level = rep(rownames(b), ncol(b)),
      term = rep(names(b), each = nrow(b)), estimate = unlist(b, use.names = FALSE))
  }, parts, names(parts))))
}

# One data frame of several, with NA where one lacks a column.
bind_rows_of <- function(parts) {
  order <- c("effect", "group", "level", "term", "estimate", "std.error", "statistic", "df",
    "p.value", "conf.low", "conf.high")
  columns <- intersect(order, unlist(lapply(parts, names)))
  whole <- lapply(parts, function(part) {
    for (name in setdiff(columns, names(part))) part[[name]] <- NA
    part[columns]
  })
  out <- do.call(rbind, unname(whole))
  rownames(out) <- NULL
  out
}

as_tibble_if_possible <- function(x) {
  if (requireNamespace("tibble", quietly = TRUE)) tibble::as_tibble(x) else x
}

#' @rdname tidy.rlmm
#' @exportS3Method generics::glance
glance.rlmm <- function(x, ...) {
  ll <- logLik(x)
  out <- data.frame(nobs = nobs(x), sigma = sigma(x), logLik = as.numeric(ll),
    AIC = stats::AIC(ll), BIC = stats::BIC(ll))
  out[[if (x$REML) "REMLcrit" else "deviance"]] <- x$criterion
  out$df.residual <- df.residual(x)
  as_tibble_if_possible(out)
}

#' @rdname tidy.rlmm
#' @exportS3Method generics::augment
augment.rlmm <- function(x, data = stats::model.frame(x), newdata = NULL, ...) {
  if (!is.null(newdata)) {
    newdata <- as_tibble_if_possible(as.data.frame(newdata))
    newdata$.fitted <- unname(predict(x, newdata, ...))
    return(newdata)
  }
  values <- augmented_columns(x)
  left_out <- attr(x$frame, "na.action")
  if (nrow(data) == nrow(x$frame) + length(left_out)) {
    values <- lapply(values, pad, left_out)
  } else if (nrow(data) != nrow(x$frame)) {
    stop_rlmm("data", paste0("'data' has ", nrow(data), " rows, and the fit has ", nrow(x$frame)),
      column = "data")
  }
  data <- as.data.frame(data)
  named <- !identical(row.names(data), as.character(seq_len(nrow(data))))
  if (named) data <- cbind(.rownames = row.names(data), data)
  data[names(values)] <- lapply(values, unname)
  as_tibble_if_possible(data)
}

# For every row of the model frame.
augmented_columns <- function(x) {
  attr(x$frame, "na.action") <- NULL
  w <- weights(x)
  residual <- residuals(x)
  list(.fitted = fitted(x), .resid = residual, .hat = hatvalues(x), .cooksd = cooks.distance(x),
    .fixed = predict(x, re.form = NA), .mu = fitted(x), .offset = offset_or_zero(x$frame),
    .sqrtXwt = sqrt(w), .sqrtrwt = sqrt(w), .weights = w, .wtres = sqrt(w) * residual)
}

# NA in the rows that were left out, whichever na.action did it.
pad <- function(x, left_out) {
  if (is.null(left_out)) return(x)
  stats::naresid(structure(left_out, class = "exclude"), unname(x))
}
