# Methods for parameters. Estimates and what belongs to the random effects come from the fit as an
# object of lme4; degrees of freedom by Satterthwaite and by Kenward and Roger are our own.

#' @exportS3Method parameters::model_parameters
model_parameters.rlmm <- function(model, ci = 0.95, ci_method = NULL, p_adjust = NULL, ...) {
  ddf <- ddf_of_easystats(ci_method)
  theirs <- as_merMod(model)
  if (is.null(ddf)) {
    return(parameters::model_parameters(theirs, ci = ci, ci_method = ci_method,
      p_adjust = p_adjust, ...))
  }
  table <- parameters::model_parameters(theirs, ci = ci, ci_method = "residual", ...)
  table <- with_df(table, model, ddf, ci, p_adjust)
  attr(table, "ci_method") <- attr(table, "df_method") <- tolower(ci_method)
  table
}

# Our name of a method that easystats calls by several names, NULL for one without such degrees of
# freedom.
ddf_of_easystats <- function(method) {
  switch(tolower(c(method, "")[1L]), satterthwaite = "Satterthwaite", kenward = , kr = ,
    `kenward-roger` = "Kenward-Roger")
}

# The rows of the fixed effects with the errors, limits and p values of a method.
with_df <- function(table, model, ddf, ci, p_adjust) {
  at <- match(names(model$beta), table$Parameter)
  if (!is.null(table$Effects)) at <- at[table$Effects[at] == "fixed"]
  test <- coefficient_tests(model, ddf)[match(table$Parameter[at], names(model$beta)), ]
  estimate <- table$Coefficient[at]
  changed <- abs(estimate - test$estimate) > 1e-6 * abs(test$estimate)
  if (any(changed %in% TRUE)) {
    stop_rlmm("bad_argument", paste0("degrees of freedom by ", ddf,
      " are for the coefficients as they were fitted, not transformed or standardised"),
    column = "ci_method")
  }
  table$SE[at] <- test$std_error
  table$t[at] <- test$statistic
  table$df_error[at] <- test$df
  table$p[at] <- if (is.null(p_adjust)) test$p else stats::p.adjust(test$p, p_adjust)
  if (length(ci) == 1L && !is.null(ci)) {
    half <- stats::qt((1 + ci) / 2, test$df) * test$std_error
    table$CI_low[at] <- estimate - half
    table$CI_high[at] <- estimate + half
  }
  table
}

# One row for each coefficient: estimate, standard error, df, t and p.
coefficient_tests <- function(object, ddf) {
  beta <- fixef(object)
  se <- sqrt(diag(vcov_for_tests(object, ddf)))
  df <- coefficient_df(object, ddf)
  t <- beta / se
  data.frame(term = names(beta), estimate = unname(beta), std_error = unname(se),
    df = unname(df), statistic = unname(t), p = unname(2 * stats::pt(-abs(t), df)))
}

#' @exportS3Method parameters::p_value
p_value.rlmm <- function(model, method = "wald", ...) {
  test <- easystats_tests(model, method)
  data.frame(Parameter = test$term, p = test$p)
}

#' @exportS3Method parameters::standard_error
standard_error.rlmm <- function(model, effects = c("fixed", "random"), method = NULL, ...) {
  effects <- match.arg(effects)
  if (effects == "random") return(parameters::standard_error(as_merMod(model), effects = "random"))
  test <- easystats_tests(model, method)
  data.frame(Parameter = test$term, SE = test$std_error)
}

#' @exportS3Method parameters::ci
ci.rlmm <- function(x, ci = 0.95, dof = NULL, method = "wald", ...) {
  if (method %in% c("profile", "boot") || length(ci) != 1L) {
    return(parameters::ci(as_merMod(x), ci = ci, dof = dof, method = method, ...))
  }
  test <- easystats_tests(x, method)
  half <- stats::qt((1 + ci) / 2, if (is.null(dof)) test$df else dof) * test$std_error
  data.frame(Parameter = test$term, CI = ci, CI_low = test$estimate - half,
    CI_high = test$estimate + half)
}

# Tests by a method of easystats: "wald" and "residual" use residual degrees of freedom.
easystats_tests <- function(model, method) {
  ddf <- ddf_of_easystats(method)
  test <- coefficient_tests(model, if (is.null(ddf)) "none" else ddf)
  if (is.null(ddf)) {
    test$df <- if (identical(method, "normal")) Inf else df.residual(model)
    test$p <- 2 * stats::pt(-abs(test$statistic), test$df)
  }
  test
}

# What parameters calls analytical is for an lmer fit the method of Kenward and Roger.
#' @exportS3Method parameters::degrees_of_freedom
degrees_of_freedom.rlmm <- function(model, method = "analytical", ...) {
  easystats_tests(model, if (identical(method, "analytical")) "kenward" else method)$df
}

#' @exportS3Method parameters::dof_satterthwaite
dof_satterthwaite.rlmm <- function(model) coefficient_df(model, "Satterthwaite")

#' @exportS3Method parameters::p_value_kenward
p_value_kenward.rlmm <- function(model, dof = NULL) p_value.rlmm(model, "kenward")

#' @exportS3Method parameters::bootstrap_model
bootstrap_model.rlmm <- function(model, ...) parameters::bootstrap_model(as_merMod(model), ...)

#' @exportS3Method parameters::simulate_model
simulate_model.rlmm <- function(model, ...) parameters::simulate_model(as_merMod(model), ...)

#' @exportS3Method parameters::equivalence_test
equivalence_test.rlmm <- function(x, ...) parameters::equivalence_test(as_merMod(x), ...)
