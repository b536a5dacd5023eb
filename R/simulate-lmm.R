#' Simulate from a model without a fit
#'
#' Draws responses from a linear mixed model given by its formula, a design and parameters, as
#' for an analysis of power.
#'
#' @param formula A formula as for [rlmm()]. A response on its left side is not used, and need not
#'   exist.
#' @param newdata The design: a data frame with the variables of the right side.
#' @param newparams A list with `beta`, the fixed effects, in the order of the columns of
#'   `model.matrix()`, or with their names; `theta`, the covariance parameters, in the order of
#'   `getME(, "theta")`; `sigma`, the residual standard deviation.
#' @param nsim Number of responses.
#' @param seed `NULL`, or a seed for [set.seed()].
#' @param weights Prior weights, evaluated in `newdata`: the residual variance of a row is
#'   `sigma^2` divided by its weight.
#' @param contrasts A list of contrasts, as in [rlmm()].
#' @return A data frame of simulated responses, as [simulate.rlmm()] gives it.
#' @details
#' theta is relative to sigma. For a term with one column it is the standard deviation of the random
#' effects divided by sigma. For a term with covariance matrix `S` it is the lower triangle of
#' `t(chol(S)) / sigma`, column by column. Terms stand in the order of the fit: those with many
#' levels first; the error about a wrong number of parameters lists their names in order.
#' @section Errors:
#' `rlmm_newparams` when parameters are missing or their number is wrong; those of [rlmm()] about
#' formula and data.
#' @examples
#' design <- expand.grid(day = 0:4, person = factor(1:12))
#' S <- matrix(c(25^2, 30, 30, 6^2), 2)
#' params <- list(
#'   beta = c(250, 10), theta = t(chol(S))[lower.tri(S, diag = TRUE)] / 25, sigma = 25
#' )
#' y <- simulate_lmm(~ day + (day | person), design, params, nsim = 4, seed = 1)
#' head(y)
#'
#' # how often is the slope found?
#' design$y <- y$sim_1
#' fit <- rlmm(y ~ day + (day | person), design)
#' slopes <- subset(as.data.frame(refit(fit, y)), term == "day")
#' mean(slopes$statistic > 2)
#' @export
simulate_lmm <- function(formula, newdata, newparams, nsim = 1, seed = NULL, weights = NULL,
                         contrasts = NULL) {
  nsim <- check_count(nsim, "nsim")
  formula <- as_formula(formula, parent.frame())
  if (missing(newdata) || !is.list(newdata)) {
    stop_rlmm("newdata", "'newdata' must be a data frame with the variables of the formula")
  }
  newdata <- as.data.frame(newdata)
  weights <- eval(substitute(weights), newdata, environment(formula))
  frame <- frame_without_response(formula, newdata, weights, contrasts)
  params <- complete_parameters(frame, if (!missing(newparams)) newparams)

  frame$theta <- params$theta
  terms <- Map(function(term, lambda) c(term, list(lambda = lambda)), frame$random,
    lambda_list(frame))
  mean <- as.vector(frame$X %*% params$beta) + offset_or_zero(frame$frame)
  sd <- params$sigma / sqrt(if (is.null(frame$weights)) 1 else frame$weights)
  drawn <- with_generator(seed, draw_responses(nsim, mean, terms, sd, params$sigma))
  simulated_frame(drawn, frame$frame)
}

# The frame of a formula whose response does not matter: one stands in for it. No design is too
# small to simulate from.
frame_without_response <- function(formula, newdata, weights, contrasts) {
  name <- ".response"
  if (length(formula) == 3L) formula[[2L]] <- NULL
  formula <- stats::as.formula(call("~", as.name(name), formula[[2L]]), environment(formula))
  newdata[[name]] <- seq_len(nrow(newdata))
  none <- lapply(default_checks, function(action) "ignore")
  arguments <- list(formula, newdata, contrasts = contrasts, na.action = stats::na.fail,
    control = rlmm_control(check = none))
  if (!is.null(weights)) arguments$weights <- rep_len(weights, nrow(newdata))
  do.call(rlmm_frame, arguments)
}

complete_parameters <- function(frame, newparams) {
  if (!is.list(newparams) || !setequal(names(newparams), c("beta", "theta", "sigma"))) {
    stop_rlmm("newparams", "'newparams' must be a list of beta, theta and sigma")
  }
  list(
    beta = named_parameters(newparams$beta, "beta", colnames_or_none(frame$X)),
    theta = named_parameters(newparams$theta, "theta", theta_names(frame)),
    sigma = named_parameters(newparams$sigma, "sigma", "sigma")
  )
}

# The values in the order of the names, which they may carry.
named_parameters <- function(values, part, names) {
  if (!is.numeric(values) || length(values) != length(names) || !all(is.finite(values))) {
    stop_rlmm("newparams", paste0("'", part, "' in 'newparams' must be ", length(names),
      if (length(names) == 1L) " number: " else " numbers: ", quoted_list(names, 30L)), term = part)
  }
  given <- names(values)
  if (!is.null(given) && setequal(given, names)) values <- values[names]
  as.double(values)
}
