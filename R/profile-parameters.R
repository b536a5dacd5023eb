# The parameters that profiles and intervals are about: their order, names and kinds.

# Those of every random-effects term (standard deviations, then correlations), sigma, and the fixed
# effects, as vectors: `kind` is what the value is on that scale, `old` and `new` are the names in
# both styles, `focus` (4 rows) says it to Rust: code, term or fixed effect, columns of the term.
profile_parameters <- function(object, scale = "sdcor") {
  kinds <- switch(scale, sdcor = c("sd", "cor", "sigma"), varcov = c("var", "cov", "sigma2"))
  parts <- Map(term_parameters, object$random, seq_along(object$random), list(kinds))
  kind <- unlist(lapply(parts, `[[`, "kind"))
  fixed <- names(object$beta)
  p <- length(fixed)
  list(
    kind = c(kind, kinds[3L], rep("beta", p)),
    old = c(sprintf(".sig%02d", seq_along(kind)), ".sigma", fixed),
    new = make.unique(c(unlist(lapply(parts, `[[`, "name")), name_of_kind[[kinds[3L]]], fixed),
      "_"),
    focus = cbind(do.call(cbind, lapply(parts, `[[`, "focus")), c(4, 0, 0, 0),
      rbind(rep(5, p), seq_len(p), rep(0, p), rep(0, p)))
  )
}

name_of_kind <- c(sd = "sd_", cor = "cor_", var = "var_", cov = "cov_", sigma = "sigma",
  sigma2 = "sigma^2")

code_of_kind <- c(sd = 1, var = 1, cor = 2, cov = 3)

term_parameters <- function(term, index, kinds) {
  p <- length(term$columns)
  low <- which(lower.tri(diag(p)), arr.ind = TRUE)
  kind <- rep(kinds[1:2], c(p, nrow(low)))
  columns <- c(term$columns,
    if (p > 1L) paste0(term$columns[low[, 1L]], ".", term$columns[low[, 2L]]))
  list(kind = kind, name = paste0(name_of_kind[kind], columns, "|", term$group),
    focus = rbind(code_of_kind[kind], index, c(seq_len(p), low[, 2L]),
      c(rep(0, p), low[, 1L]), deparse.level = 0L))
}

# Positions of the parameters that the user asks for: by number, by name in either style, "theta_"
# (all of the random effects, and sigma) or "beta_" (all fixed effects).
chosen_parameters <- function(table, parm) {
  all <- seq_along(table$kind)
  if (is.null(parm)) return(all)
  if (is.numeric(parm)) {
    found <- all[parm]
    if (anyNA(found)) {
      stop_rlmm("unknown_name", paste0("there are ", length(all), " parameters, and 'parm' asks ",
        "for number ", parm[is.na(found)][1L]), column = "parm")
    }
    return(sort(unique(found)))
  }
  if (!is.character(parm)) {
    stop_rlmm("bad_argument", "'parm' must be numbers or names", column = "parm")
  }
  found <- lapply(parm, function(name) switch(name,
    theta_ = all[table$kind != "beta"],
    beta_ = all[table$kind == "beta"],
    all[table$old == name | table$new == name]
  ))
  missing <- parm[lengths(found) == 0L & !parm %in% c("theta_", "beta_")]
  if (length(missing)) {
    stop_rlmm("unknown_name", paste0("no parameter ", quoted_list(missing), "; there are ",
      quoted_list(table$old), ", also called ", quoted_list(table$new[table$kind != "beta"]),
      ", and \"theta_\" and \"beta_\" for all of a kind"), column = missing[1L])
  }
  sort(unique(unlist(found)))
}

# What the coordinate of a curve is on the user's scale, and back. The coordinate is a standard
# deviation, the arc sine of a correlation, a covariance, log sigma, or a fixed effect.
value_of_kind <- list(
  sd = identity, log_sd = log, var = function(at) at^2, cor = sin, cov = identity, sigma = exp,
  log_sigma = identity, sigma2 = function(at) exp(2 * at), beta = identity
)

at_of_kind <- list(
  sd = identity, log_sd = exp, var = sqrt, cor = function(v) asin(pmin(pmax(v, -1), 1)),
  cov = identity, sigma = log, log_sigma = identity, sigma2 = function(v) log(v) / 2,
  beta = identity
)

# d value / d at
slope_of_kind <- list(
  sd = function(at) 1 + 0 * at, log_sd = function(at) 1 / at, var = function(at) 2 * at, cor = cos,
  cov = function(at) 1 + 0 * at, sigma = exp, log_sigma = function(at) 1 + 0 * at,
  sigma2 = function(at) 2 * exp(2 * at), beta = function(at) 1 + 0 * at
)

# Smallest and largest value that the parameter can have.
bounds_of_kind <- list(
  sd = c(0, Inf), log_sd = c(-Inf, Inf), var = c(0, Inf), cor = c(-1, 1), cov = c(-Inf, Inf),
  sigma = c(0, Inf), log_sigma = c(-Inf, Inf), sigma2 = c(0, Inf), beta = c(-Inf, Inf)
)

# "2.5 %" and the like.
percent_names <- function(probabilities) {
  paste(format(100 * probabilities, trim = TRUE, scientific = FALSE, digits = 3), "%")
}
