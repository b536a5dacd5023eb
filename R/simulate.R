#' Simulate responses from a fitted model
#'
#' Draws responses from the fitted distribution: new random effects and new residuals, or new
#' residuals alone.
#'
#' @param object A model fitted by [rlmm()].
#' @param nsim Number of responses.
#' @param seed `NULL`, or a seed for [set.seed()]. After a seed the generator of the session is put
#'   back as it was.
#' @param use.u Keep all random effects at their conditional modes? The same as `re.form = NULL`.
#' @param re.form The random-effects terms to keep at their conditional modes: none (`NA` or `~0`),
#'   all (`NULL`), or those of a one-sided formula such as `~ (1 | g)`, whole terms of the model.
#'   The effects of all others are drawn anew.
#' @param newdata Data to simulate for; the rows of the fit without it.
#' @param newparams A list with any of `beta`, `theta` and `sigma`, to use in place of the
#'   estimates.
#' @param allow.new.levels For terms kept at their modes: may there be levels that the fit has not
#'   seen? They have random effects of zero, as in [predict.rlmm()]. Effects that are drawn are
#'   drawn for any level.
#' @param na.action What to do with missing values in `newdata`.
#' @param cluster.rand The function that draws the standardised random effects: of one argument, the
#'   number of draws, with mean zero and variance one.
#' @param ... Nothing else is accepted.
#' @return A data frame with `nsim` columns `sim_1`, `sim_2`, and so on, and a row for each row of
#'   the fit or of `newdata`. Rows of weight zero, whose variance is infinite, have `NA`; so have
#'   rows that `na.exclude` left out. Attribute `seed` is the seed with the kind of generator as
#'   its attribute `kind`, or, when no seed was given, the state of the generator before the draws,
#'   as [stats::simulate()] has it.
#' @details
#' The numbers come from R's generator, for one response after the other: first the random effects,
#' in the order of `getME(object, "u")`, then the residuals, in the order of the rows.
#'
#' With `newdata`, weights and an offset that were given as arguments of [rlmm()] are evaluated in
#' `newdata`.
#' @section Errors:
#' Those of [predict.rlmm()]; `rlmm_re_form` also when `re.form` has a part of a term only.
#' @seealso [simulate_lmm()] to simulate without a fit, [refit()] to fit the results.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' head(simulate(fit, nsim = 3, seed = 1))
#' head(simulate(fit, seed = 1, use.u = TRUE))
#' simulate(fit, seed = 1, newdata = data.frame(Days = 0:2, Subject = "new"))
#' @importFrom stats simulate
#' @export
simulate.rlmm <- function(object, nsim = 1, seed = NULL, use.u = FALSE, re.form = NA,
                          newdata = NULL, newparams = NULL, allow.new.levels = FALSE,
                          na.action = stats::na.pass, cluster.rand = stats::rnorm, ...) {
  no_other_arguments("simulate", ...)
  nsim <- check_count(nsim, "nsim")
  if (!missing(re.form) && !missing(use.u)) {
    stop_rlmm("bad_argument", "give one of 'use.u' and 're.form'", column = "use.u")
  }
  if (isTRUE(use.u)) re.form <- NULL
  if (!is.null(newparams)) object <- with_parameters(object, newparams)
  all_bars <- parse_formula(object$formula)$bars
  kept <- wanted_bars(object, re.form)
  data <- object$frame
  if (!is.null(newdata)) data <- prediction_frame(object, newdata, all_bars, FALSE, na.action)

  mean <- fixed_part(object, data) + offset_or_zero(data) +
    random_part(object, data, kept, allow.new.levels || is.null(newdata))
  terms <- terms_to_draw(object, data, all_bars, kept)
  if (!is.null(newdata)) for (term in terms) check_groups_known(term)
  sd <- object$sigma / sqrt(simulation_weights(object, data, newdata))
  drawn <- with_generator(seed, draw_responses(nsim, mean, terms, sd, object$sigma, cluster.rand))
  simulated_frame(drawn, data)
}

# The terms whose effects are drawn, with their lambda and with codes for the data.
terms_to_draw <- function(object, data, bars, kept) {
  terms <- build_random_terms(bars, data, contrasts_of_fit(object))
  # the order of the terms goes by their numbers of levels, which may differ from the fit's
  terms <- terms[match(term_keys(object$random), term_keys(terms))]
  terms <- Map(function(term, lambda) c(term, list(lambda = lambda)), terms, lambda_list(object))
  terms[!is_kept(object, data, kept)]
}

# For each term of the model, whether its effects stay at their modes: the bars in `kept` do.
is_kept <- function(object, data, kept) {
  keys <- term_keys(object$random)
  if (length(kept) == 0L) return(rep(FALSE, length(keys)))
  kept_keys <- term_keys(build_random_terms(kept, data, contrasts_of_fit(object)))
  partial <- setdiff(kept_keys, keys)
  if (length(partial)) {
    stop_rlmm("re_form", paste0("'re.form' must name whole random-effects terms of the model, and ",
      "the model has no term with ", partial[1L]), term = partial[1L])
  }
  keys %in% kept_keys
}

check_groups_known <- function(term) {
  if (!anyNA(term$codes)) return(invisible())
  stop_rlmm("missing_group", paste0("the grouping factor '", term$group, "' is missing in row ",
    which(is.na(term$codes))[1L], " of 'newdata'"), term = term$group)
}

contrasts_of_fit <- function(object) {
  all <- c(object$contrasts, unlist(lapply(object$random, `[[`, "contrasts"), recursive = FALSE))
  all[!duplicated(names(all))]
}

term_keys <- function(terms) {
  vapply(terms, function(term) {
    paste0("columns ", quoted_list(term$columns, Inf), " by '", term$group, "'")
  }, "")
}

# Prior weights of the rows to simulate.
simulation_weights <- function(object, data, newdata) {
  if (is.null(newdata)) {
    weights <- stats::model.weights(data)
    return(if (is.null(weights)) 1 else as.double(weights))
  }
  expression <- object$call$weights
  if (is.null(expression)) return(1)
  weights <- tryCatch(eval(expression, newdata, environment(object$formula)),
    error = function(e) NULL)
  left_out <- attr(data, "na.action")
  if (length(left_out) && length(weights) > 1L) weights <- weights[-left_out]
  if (!is.numeric(weights) || !length(weights) %in% c(1L, nrow(data))) {
    stop_rlmm("newdata", paste0("the argument 'weights' of the fit, ", text_of(expression),
      ", has no value for the rows of 'newdata'; make it a column of 'newdata'"),
    column = "weights")
  }
  as.double(weights)
}

# A matrix with one response in each column.
draw_responses <- function(nsim, mean, terms, sd, sigma, rand = stats::rnorm) {
  n <- length(mean)
  impossible <- is.infinite(sd)
  sd[impossible] <- NA
  one <- function(i) {
    y <- mean
    for (term in terms) y <- y + draw_effects(term, sigma, rand)
    y + sd * stats::rnorm(n)
  }
  matrix(vapply(seq_len(nsim), one, numeric(n)), n, nsim)
}

# Z b of one term, with b drawn: level by level, the columns of a level together.
draw_effects <- function(term, sigma, rand) {
  u <- matrix(rand(length(term$columns) * length(term$levels)), length(term$columns))
  term_effects(term$codes, term$Z, sigma * t(term$lambda %*% u))
}

# The draws as a data frame, padded for rows that na.exclude left out.
simulated_frame <- function(drawn, data) {
  Y <- drawn$value
  dimnames(Y) <- list(row.names(data), paste0("sim_", seq_len(ncol(Y))))
  left_out <- attr(data, "na.action")
  out <- as.data.frame(stats::naresid(left_out, Y))
  structure(out, na.action = left_out, seed = drawn$seed)
}
