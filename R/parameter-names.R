# All parameters of a model in the order of confint(): of each random-effects term its standard
# deviations and then its correlations, sigma, the fixed effects.

# Names as sd_(Intercept)|g, or with `old` as .sig01, which are lme4's by default. `scale` is one of
# those of variance_parameter_names().
parameter_names <- function(object, old = FALSE, scale = "sdcor") {
  c(if (old) old_parameter_names(object) else variance_parameter_names(object, scale),
    names(object$beta))
}

old_parameter_names <- function(object) {
  n <- sum(parameters_by_term(object))
  c(sprintf(if (n < 100L) ".sig%02d" else ".sig%d", seq_len(n)), ".sigma")
}

# The positions that `parm` stands for: numbers, names in either style, "theta_" for all parameters
# of the random effects and sigma, "beta_" for all fixed effects. Without `parm`, all.
parameter_positions <- function(object, parm = NULL) {
  styles <- cbind(parameter_names(object), parameter_names(object, old = TRUE))
  last <- nrow(styles) - length(object$beta)
  if (identical(parm, "theta_")) return(seq_len(last))
  if (identical(parm, "beta_")) return(last + seq_along(object$beta))
  positions_of(parm, styles)
}

# Numbers or names among `names`, a matrix with a column for each style; NULL for all.
positions_of <- function(parm, names) {
  names <- as.matrix(names)
  if (is.null(parm)) return(seq_len(nrow(names)))
  at <- if (is.character(parm)) {
    (match(parm, names) - 1L) %% nrow(names) + 1L
  } else if (is.numeric(parm)) {
    seq_len(nrow(names))[parm]
  }
  if (anyNA(at) || is.null(at)) {
    bad <- if (is.null(at)) class(parm)[1L] else parm[is.na(at)][1L]
    stop_rlmm("unknown_name", paste0("there is no parameter ", quoted_list(bad), "; there are ",
      quoted_list(names[, 1L], 30L), if (ncol(names) > 1L) ", also by number, \"theta_\" or \"beta_\""),
    column = as.character(bad))
  }
  at
}
