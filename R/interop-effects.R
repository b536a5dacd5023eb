#' Effect displays of a fit, by effects
#'
#' With the package effects, `Effect()`, `allEffects()`, `predictorEffect()` and the plots of what
#' they give work on a fit of [rlmm()]. `KR = TRUE` takes the covariance of the fixed effects that
#' is adjusted by the method of Kenward and Roger, our own, see [rlmm-ddf]. The data are those kept
#' with the fit. Effects of a rank-deficient fit are an error, as for lmer fits; emmeans has those
#' that can be estimated.
#' @name rlmm-effects
#' @return Objects of class `eff` or `efflist`, as the package effects gives them.
#' @examplesIf requireNamespace("effects", quietly = TRUE)
#' fit <- rlmm(Weight ~ Evit + poly(Time, 2) + (1 | Pig), dietox)
#' effects::Effect("Evit", fit)
NULL

#' @exportS3Method effects::Effect
Effect.rlmm <- function(focal.predictors, mod, ..., KR = FALSE) {
  check_flag(KR, "KR")
  default <- utils::getS3method("Effect", "default", envir = asNamespace("effects"))
  sources <- effSources.rlmm(mod)
  if (KR) sources$vcov <- vcov_for_tests(mod, "Kenward-Roger")
  default(focal.predictors, mod, ..., sources = sources)
}

# What effects needs to make a linear model of the same fixed effects: the data themselves, and a
# formula that gives the bases of the fit on any rows.
#' @exportS3Method effects::effSources
effSources.rlmm <- function(mod) {
  if (length(mod$dropped)) {
    stop_rlmm("bad_argument", paste0("there are no effect displays of a fit without the redundant ",
      if (length(mod$dropped) == 1L) "column " else "columns ", quoted_list(mod$dropped),
      "; emmeans::emmeans() has those that can be estimated"), column = mod$dropped)
  }
  formula <- explicit_formula(mod)
  data <- original_data(mod)[used_rows(mod$frame), , drop = FALSE]
  call <- as.call(list(quote(rlmm), formula = formula, data = data, contrasts = mod$contrasts,
    offset = argument_values(mod, "offset")))
  list(call = call[!vapply(call, is.null, NA)], formula = formula, coefficients = fixef(mod),
    vcov = vcov(mod), family = stats::gaussian())
}

argument_values <- function(object, name) frame_argument(object, name)[used_rows(object$frame)]

# The formula of the fixed effects with bases that depend on data, as poly(x, 2), written so that
# they are those of the fit.
explicit_formula <- function(object) {
  terms <- fixed_terms(object)
  as_written <- as.list(attr(terms, "variables"))[-1L]
  explicit <- as.list(attr(terms, "predvars"))[-1L]
  formula <- fixed_formula(object$formula)
  for (k in seq_along(as_written)) {
    if (!identical(as_written[[k]], explicit[[k]])) {
      formula[[3L]] <- replace_expression(formula[[3L]], as_written[[k]], explicit[[k]])
    }
  }
  formula
}

replace_expression <- function(expr, old, new) {
  if (identical(expr, old)) return(new)
  if (is.call(expr)) {
    for (k in seq_along(expr)[-1L]) expr[[k]] <- replace_expression(expr[[k]], old, new)
  }
  expr
}
