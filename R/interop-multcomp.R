# multcomp::glht() with matrices, hypotheses as text, and mcp(), which reads terms(), model.frame()
# and model.matrix(). Degrees of freedom are infinite unless given, as for lmer fits.

#' @exportS3Method multcomp::modelparm
modelparm.rlmm <- function(model, coef. = NULL, vcov. = NULL, df = NULL, ...) {
  beta <- if (is.function(coef.)) coef.(model) else fixef(model)
  V <- if (is.function(vcov.)) vcov.(model) else if (is.null(vcov.)) vcov(model) else vcov.
  structure(list(coef = beta, vcov = as.matrix(V), df = if (is.null(df)) 0 else df,
    estimable = rep(TRUE, length(beta))), class = "modelparm")
}
