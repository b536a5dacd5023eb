#' Power by simulation
#'
#' Simulates data from a model over a grid of sample sizes and effects, fits it to each, and counts
#' how often a fixed effect is found.
#'
#' @param object A model fitted by [rlmm()], as from a pilot study, or a formula, for which
#'   `newdata` and `newparams` are needed.
#' @param term The name of a fixed effect, as in `fixef(object)`; several with `test = "lr"`.
#' @param sizes A named list: for grouping factors of the model the numbers of levels to try, as in
#'   `list(Subject = c(10, 20, 40))`.
#' @param each How many times each row is to be observed; several values to try.
#' @param effect The true value of the effect; several to try. By default that of the model: but the
#'   effect that a small study has found is often too large, so give the smallest one that matters.
#' @param nsim Number of simulations for each combination.
#' @param alpha Level of the test.
#' @param test `"t"`: t tests with Satterthwaite's degrees of freedom, as in [summary.rlmm()], found
#'   for each simulated fit; `"z"`: by the normal distribution; `"lr"`: likelihood ratio tests of
#'   fits by maximum likelihood.
#' @param newdata,newparams,weights,contrasts For a formula, as in [simulate_lmm()]; for a fit,
#'   `newparams` is a list with any of `beta`, `theta` and `sigma` to use in place of the estimates.
#' @param seed `NULL`, or a whole number. Without one it is drawn from R's generator.
#' @param .progress As in [bootMer()].
#' @param x What `power_sim()` gives.
#' @param digits Number of significant digits.
#' @param target Power to mark in the picture.
#' @param ... Handed to [lattice::xyplot()] by `plot()`; otherwise not used.
#' @return A data frame of class `rlmm_power` with a row for each combination: the sizes, `each` and
#'   `effect` as far as they vary; `rows`, the number of observations; `power`; `se`, its Monte
#'   Carlo error, with `lower` and `upper`, its exact 95 percent confidence limits; `estimate` and
#'   `sd`, mean and standard deviation of the estimated effect (for one term); `simulations`, those
#'   with a test; `singular` and `failed`, how many fits were singular or had no test.
#' @details
#' A design with more groups than the data repeats the groups of the data, with all their rows, in
#' their order; one with fewer has the first ones. Levels of factors nested in a group are repeated
#' with it, those of crossed factors stay the same. So covariates keep their pattern.
#'
#' Simulation i of a combination depends on the seed and on i alone, as in [bootMer()]. After an
#' interrupt the simulations made so far are returned, with a warning.
#' @section Errors:
#' `rlmm_unknown_name` for a term or a grouping factor that the model does not have; those of
#' [rlmm()] about designs that are too small.
#' @references
#' Green & MacLeod (2016). SIMR: an R package for power analysis of generalized linear mixed models
#' by simulation. Methods in Ecology and Evolution 7, 493-498.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' p <- power_sim(fit, "Days", sizes = list(Subject = c(6, 12, 18)), effect = c(3, 6), nsim = 100,
#'   seed = 1)
#' p
#' plot(p)
#' @export
power_sim <- function(object, term, sizes = list(), each = 1, effect = NULL, nsim = 1000,
                      alpha = 0.05, test = c("t", "z", "lr"), newdata = NULL, newparams = NULL,
                      weights = NULL, contrasts = NULL, seed = NULL, .progress = "auto") {
  test <- one_of(test, c("t", "z", "lr"), "test")
  nsim <- check_count(nsim, "nsim")
  check_interval(alpha, Inf, 1L)
  weights <- eval(substitute(weights), newdata, parent.frame())
  model <- power_model(object, newdata, newparams, weights, contrasts, parent.frame())
  at <- tested_columns(model, term, test, effect)
  grid <- power_grid(model, sizes, each, if (is.null(effect)) model$beta[[at[1L]]] else effect)
  seed <- boot_seed(seed)
  report <- progress_reporter(nsim * nrow(grid), .progress)
  cells <- list()
  for (i in seq_len(nrow(grid))) {
    found <- power_cell(model, grid[i, , drop = FALSE], at, !is.null(effect), test, nsim,
      seed + (i - 1) * 2^32, report)
    if (length(found$p)) cells <- c(cells, list(summary_of_cell(found, alpha)))
    if (found$interrupted) break
  }
  power_result(grid, cells, model, list(term = term, test = test, alpha = alpha, nsim = nsim,
    seed = seed, call = match.call()))
}

# What simulations need: the frame of the model with beta, theta and sigma.
power_model <- function(object, newdata, newparams, weights, contrasts, env) {
  if (inherits(object, "rlmm")) {
    if (!is.null(newparams)) object <- with_parameters(object, newparams)
    return(c(unclass(rebuilt_frame(object)), unclass(object)[c("beta", "theta", "sigma")]))
  }
  if (!inherits(object, "formula")) {
    stop_rlmm("no_method", "power_sim() is for models fitted by rlmm() and for formulas")
  }
  if (!is.list(newdata)) {
    stop_rlmm("newdata", "'newdata' must be a data frame with the variables of the formula")
  }
  formula <- as_formula(object, env)
  frame <- frame_without_response(formula, as.data.frame(newdata), weights, contrasts)
  params <- complete_parameters(frame, newparams)
  params$beta <- stats::setNames(params$beta, colnames_or_none(frame$X))
  frame$control <- rlmm_control()
  c(unclass(frame), params)
}

tested_columns <- function(model, term, test, effect) {
  at <- match(term, names(model$beta))
  if (anyNA(at) || length(at) == 0L) {
    stop_rlmm("unknown_name", paste0("there is no fixed effect ", quoted_list(term[is.na(at)]),
      "; the model has ", quoted_list(names(model$beta))), column = as.character(term)[1L])
  }
  if (length(at) > 1L && (test != "lr" || !is.null(effect))) {
    stop_rlmm("bad_argument", paste0("several fixed effects can be tested by test = \"lr\" only, ",
      "their values given by 'newparams'"), column = "term")
  }
  at
}

# All combinations, one in each row; columns are the factors, `each` and `effect`.
power_grid <- function(model, sizes, each, effect) {
  groups <- unique(vapply(model$random, `[[`, "", "group"))
  unknown <- setdiff(names_or_empty(sizes), groups)
  if (length(unknown)) {
    stop_rlmm("unknown_name", paste0("there is no grouping factor ", quoted_list(unknown),
      "; the model has ", quoted_list(groups)), column = unknown[1L])
  }
  lapply(c(unlist(sizes), each), check_count, "sizes")
  if (!is.numeric(effect) || !all(is.finite(effect))) {
    stop_rlmm("bad_argument", "'effect' must be finite numbers", column = "effect")
  }
  # the first argument varies fastest
  do.call(expand.grid, c(sizes, list(each = each, effect = effect)))
}

# Simulations of one combination: p-values, estimates, which fits are singular.
power_cell <- function(model, cell, at, with_effect, test, nsim, seed, report) {
  if (with_effect) model$beta[at] <- cell$effect
  sizes <- cell[setdiff(names(cell), c("each", "effect"))]
  design <- resized(model, as.list(sizes), cell$each)
  check_random_terms(design$random, length(design$y), design$control$check)
  mean <- as.vector(design$X %*% model$beta)
  if (!is.null(design$offset)) mean <- mean + design$offset
  plan <- list(mean = mean, theta = as.double(model$theta), sigma = model$sigma,
    drawn = rep(TRUE, length(model$random)), effects = list(), residuals = double())
  make <- function() if (test == "lr") lr_drawer(design, plan, at, seed) else
    wald_drawer(design, plan, at, test, seed)
  made <- in_batches(make, 0L, nsim, report, 100)
  parts <- made$parts
  found <- lapply(c(p = "p", estimate = "estimate", singular = "singular"), function(name) {
    unlist(lapply(parts, `[[`, name))
  })
  if (length(found$p) && all(is.na(found$p))) {
    stop_rlmm("rank_deficient", paste0("there is no test of ", quoted_list(names(model$beta)[at]),
      " in a design of ", length(design$y), " rows: ", parts[[1L]]$why))
  }
  c(found, rows = length(design$y), interrupted = made$interrupted)
}

# The design with other numbers of groups, and each row as often as `each` says.
resized <- function(model, sizes, each) {
  used <- if (is.null(model$weights)) seq_along(model$y) else which(model$weights > 0)
  rows <- used
  codes <- lapply(model$random, function(term) term$codes[used])
  names(codes) <- vapply(model$random, `[[`, "", "group")
  for (group in names(sizes)) {
    own <- codes[[group]]
    members <- split(seq_along(rows), own)
    chosen <- members[rep_len(seq_along(members), sizes[[group]])]
    from <- unlist(chosen, use.names = FALSE)
    copy <- rep(seq_along(chosen), lengths(chosen))
    outer <- list(codes = own, levels = seq_len(max(own)))
    codes <- lapply(codes, function(inner) {
      nested <- is_nested(list(codes = inner, levels = seq_len(max(inner))), outer)
      without_gaps(inner[from], if (nested) copy)
    })
    rows <- rows[from]
  }
  again <- rep(seq_along(rows), each)
  with_rows(model, rows[again], lapply(codes, `[`, again))
}

# Codes without gaps; those in different copies are different.
without_gaps <- function(codes, copy = NULL) {
  key <- if (is.null(copy)) codes else (copy - 1) * max(codes) + codes
  match(key, sort(unique(key)))
}

with_rows <- function(model, chosen, codes) {
  model$random <- Map(function(term, codes) {
    term$codes <- as.integer(codes)
    term$levels <- as.character(seq_len(max(codes)))
    term$Z <- rows(term$Z, chosen)
    term
  }, model$random, unname(codes))
  model$X <- rows(model$X, chosen)
  model$y <- double(length(chosen))
  model$weights <- rows(model$weights, chosen)
  model$offset <- rows(model$offset, chosen)
  model
}

# Fits of the samples of a plan, as a function of first and count.
sample_fitter <- function(design, plan, seed, df = FALSE) {
  handle <- rust_result(do.call(rust_design, rust_arguments(design)))$design
  settings <- refit_settings(design, plan$theta, df = df)
  function(first, count) {
    checked_fits(rust_bootstrap(handle, plan, settings, seed, first, count))
  }
}

wald_drawer <- function(design, plan, at, test, seed) {
  fitter <- sample_fitter(design, plan, seed, df = test == "t")
  function(first, count) {
    fits <- fitter(first, count)
    statistic <- fits$beta[at, ] / fits$se[at, ]
    p <- if (test == "t") 2 * stats::pt(-abs(statistic), fits$df[at, ]) else
      2 * stats::pnorm(-abs(statistic))
    list(p = p, estimate = fits$beta[at, ], singular = colSums(fits$singular) > 0,
      why = why_no_test(fits, at))
  }
}

# The same samples are fitted with and without the columns.
lr_drawer <- function(design, plan, at, seed) {
  design$REML <- FALSE
  full <- sample_fitter(design, plan, seed)
  design$X <- design$X[, -at, drop = FALSE]
  null <- sample_fitter(design, plan, seed)
  function(first, count) {
    with <- full(first, count)
    without <- null(first, count)
    gain <- pmax(without$criterion[1L, ] - with$criterion[1L, ], 0)
    gain[colSums(is.na(with$beta[at, , drop = FALSE])) > 0] <- NA
    list(p = stats::pchisq(gain, length(at), lower.tail = FALSE), estimate = with$beta[at[1L], ],
      singular = colSums(with$singular) > 0, why = why_no_test(with, at))
  }
}

why_no_test <- function(fits, at) {
  if (!all(is.na(fits$error))) return(fits$error[!is.na(fits$error)][1L])
  if (anyNA(fits$beta[at, ])) return("its column is redundant")
  "its degrees of freedom are not available"
}

summary_of_cell <- function(found, alpha) {
  tested <- found$p[!is.na(found$p)]
  n <- length(tested)
  hits <- sum(tested < alpha)
  limits <- c(if (hits > 0) stats::qbeta(0.025, hits, n - hits + 1) else 0,
    if (hits < n) stats::qbeta(0.975, hits + 1, n - hits) else 1)
  power <- if (n > 0) hits / n else NA_real_
  data.frame(rows = found$rows, power = power, se = sqrt(power * (1 - power) / n),
    lower = limits[1L], upper = limits[2L], estimate = mean(found$estimate, na.rm = TRUE),
    sd = stats::sd(found$estimate, na.rm = TRUE), simulations = n,
    singular = sum(found$singular %in% 1), failed = length(found$p) - n)
}

power_result <- function(grid, cells, model, facts) {
  if (length(cells) == 0L) stop_rlmm("bootstrap", "interrupted before any simulation was complete")
  cells <- do.call(rbind, cells)
  varying <- setdiff(names(grid), if (all(grid$each == 1)) "each")
  if (length(facts$term) > 1L) {
    varying <- setdiff(varying, "effect")
    cells$estimate <- cells$sd <- NULL
  }
  out <- data.frame(grid[seq_len(nrow(cells)), varying, drop = FALSE], cells, check.names = FALSE)
  complete <- nrow(cells) == nrow(grid) && all(cells$simulations + cells$failed == facts$nsim)
  if (!complete) {
    warn_rlmm("bootstrap", paste0("interrupted after ", nrow(cells), " of ", nrow(grid),
      " combinations; the last one has ", utils::tail(cells$simulations, 1L), " simulations"))
  }
  attributes(out)[names(facts)] <- facts
  structure(out, row.names = seq_len(nrow(out)), varying = varying,
    class = c("rlmm_power", "data.frame"))
}
