#' Intervals from bootstrap samples
#'
#' @param object What [bootMer()] gives.
#' @param parm The statistics, by number or name; if they are the model's parameters, also by
#'   lme4's old names, `"theta_"` for those of the random effects and sigma, or `"beta_"` for the
#'   fixed effects. All by default.
#' @param level Probability that an interval is to have.
#' @param type Kind of interval:
#'   * `"perc"`: quantiles of the samples' statistics;
#'   * `"basic"`: their distances from the estimate, reflected;
#'   * `"norm"`: normal, with the samples' bias taken out and their standard deviation;
#'   * `"bca"`: percentile, corrected for bias and for the change of the standard error with the
#'     parameter (Efron 1987);
#'   * `"shortest"`: the shortest interval that holds `level` of the samples.
#' @param oldNames Use the names `.sig01` and so on for parameters of the random effects?
#' @param cluster For `"bca"`: the grouping factor whose groups are left out in turn, by name. By
#'   default that of the cases, or else the one with the fewest levels.
#' @param ... Not used.
#' @return A matrix with a row for each statistic and columns for the limits.
#' @details
#' The first four are those of `boot::boot.ci()`, with its interpolation of quantiles. The
#' acceleration of `"bca"` comes from fits without each group in turn, which this function makes.
#'
#' Samples whose statistic is not finite do not count; a message tells how many they are. A
#' correlation is undefined where a standard deviation is zero. A limit is `NA` only where fewer
#' than two samples are left, or where for `"bca"` all of them lie on one side of the estimate;
#' there is a warning then, and one when `nsim` is too small for `level`.
#' @section Warnings:
#' `rlmm_bootstrap`, as said above.
#' @references
#' Davison & Hinkley (1997). Bootstrap Methods and Their Application. Cambridge, section 5.2
#' (`"norm"`, `"basic"`, and equation 5.8 for quantiles) and 5.3 (`"perc"`, `"bca"`).
#'
#' Efron (1987). Better bootstrap confidence intervals. J. Am. Stat. Assoc. 82, 171-185.
#'
#' Chihara & Hesterberg (2019). Mathematical Statistics with Resampling and R, 2nd edition. Wiley,
#' chapter 5, on what percentile intervals can and cannot do.
#'
#' Chen & Shao (1999). Monte Carlo estimation of Bayesian credible and HPD intervals. J. Comput.
#' Graph. Stat. 8, 69-92 (`"shortest"`, there for samples of a posterior distribution).
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' b <- bootMer(fit, nsim = 300, seed = 1)
#' confint(b)
#' confint(b, "Days", type = "bca")
#' confint(b, "theta_", type = "shortest", level = 0.9)
#' @importFrom stats confint
#' @export
confint.rlmm_boot <- function(object, parm = NULL, level = 0.95,
                              type = c("perc", "basic", "norm", "bca", "shortest"),
                              oldNames = FALSE, cluster = NULL, ...) {
  type <- one_of(type, c("perc", "basic", "norm", "bca", "shortest"), "type")
  check_interval(level, Inf, 1L)
  at <- boot_positions(object, parm)
  finite <- is.finite(object$t)
  tell_unused(object, finite[, at, drop = FALSE])
  acceleration <- if (type == "bca") accelerations(object, at, cluster)
  limits <- vapply(seq_along(at), function(i) {
    k <- at[i]
    sample_limits(object$t[finite[, k], k], object$t0[[k]], level, type, acceleration[i])
  }, numeric(2L))
  names <- names(object$t0)
  if (isTRUE(oldNames) && is.null(object$statistic)) names <- profile_parameters(object$fit)$old
  if (is.null(names)) names <- paste0("t", seq_along(object$t0))
  out <- matrix(limits, length(at), 2L, byrow = TRUE,
    dimnames = list(names[at], percent_names(c(1 - level, 1 + level) / 2)))
  warn_limits(out, object, level, type)
  out
}

# The statistics that `parm` stands for.
boot_positions <- function(object, parm) {
  if (is.null(object$statistic)) return(chosen_parameters(profile_parameters(object$fit), parm))
  names <- names(object$t0)
  if (is.null(names)) names <- paste0("t", seq_along(object$t0))
  at <- if (is.null(parm)) seq_along(names) else if (is.character(parm)) match(parm, names) else
    seq_along(names)[parm]
  if (anyNA(at)) {
    stop_rlmm("unknown_name", paste0("there is no statistic ", quoted_list(parm[is.na(at)]),
      "; there are ", quoted_list(names, 30L)), column = as.character(parm[is.na(at)])[1L])
  }
  at
}

# Limits of one statistic from its finite values.
sample_limits <- function(t, t0, level, type, acceleration = NULL) {
  if (length(t) < 2L) return(c(NA_real_, NA_real_))
  probabilities <- c(1 - level, 1 + level) / 2
  switch(type,
    perc = normal_quantiles(t, probabilities),
    basic = 2 * t0 - normal_quantiles(t, rev(probabilities)),
    norm = 2 * t0 - mean(t) + stats::qnorm(probabilities) * stats::sd(t),
    bca = normal_quantiles(t, bca_probabilities(t, t0, probabilities, acceleration)),
    shortest = shortest_interval(t, level)
  )
}

# Quantiles at the ranks p (n + 1), interpolated on the scale of normal quantiles (Davison & Hinkley
# 1997, eq. 5.8); beyond the samples the outermost ones.
normal_quantiles <- function(t, probabilities) {
  n <- length(t)
  sorted <- sort(t)
  vapply(probabilities, function(p) {
    if (is.na(p)) return(NA_real_)
    rank <- p * (n + 1)
    k <- min(max(floor(rank + 1e-9), 1), n)
    if (rank <= 1 || rank >= n || abs(rank - k) < 1e-9) return(sorted[k])
    z <- stats::qnorm(c(p, k / (n + 1), (k + 1) / (n + 1)))
    sorted[k] + (z[1L] - z[2L]) / (z[3L] - z[2L]) * (sorted[k + 1] - sorted[k])
  }, 0)
}

# Efron (1987); Davison & Hinkley (1997), section 5.3.2.
bca_probabilities <- function(t, t0, probabilities, acceleration) {
  bias <- stats::qnorm(mean(t < t0) + mean(t == t0) / 2)
  if (!is.finite(bias)) return(c(NA, NA))
  w <- bias + stats::qnorm(probabilities)
  stats::pnorm(bias + w / (1 - acceleration * w))
}

shortest_interval <- function(t, level) {
  sorted <- sort(t)
  n <- length(t)
  inside <- min(ceiling(level * n), n)
  first <- which.min(sorted[inside:n] - sorted[seq_len(n - inside + 1L)])
  sorted[c(first, first + inside - 1L)]
}

# A sixth of the skewness of the jackknife's changes; zero where they do not change.
accelerations <- function(object, at, cluster) {
  fit <- object$fit
  task <- list(fit = fit, labels = names(object$t0), seed = object$seed,
    cases = jackknife_cases(object, cluster))
  if (is.null(task$labels)) task$labels <- rep("", length(object$t0))
  left <- jackknife_statistic(task, object$statistic)[, at, drop = FALSE]
  apply(left, 2L, function(t) {
    change <- mean(t[is.finite(t)]) - t[is.finite(t)]
    spread <- sum(change^2)
    if (length(change) < 2L || spread == 0) 0 else sum(change^3) / (6 * spread^1.5)
  })
}

jackknife_cases <- function(object, cluster) {
  if (is.null(cluster) && !is.null(object$cases)) return(object$cases)
  if (is.null(cluster)) {
    counts <- term_level_counts(object$fit)
    cluster <- object$fit$random[[which.min(counts)]]$group
  }
  case_plan(object$fit, cluster, "groups")
}

tell_unused <- function(object, finite) {
  unused <- colSums(!finite)
  unused <- unused[unused > 0L]
  if (length(unused) == 0L) return(invisible())
  inform_rlmm("bootstrap", paste0("samples without a finite value do not count: ",
    paste0(unused, " of ", object$R, " for ", names(unused), collapse = ", ")))
}

# Why there is no limit, or why it is not to be trusted.
warn_limits <- function(limits, object, level, type) {
  none <- rownames(limits)[is.na(limits[, 1L])]
  if (length(none)) {
    warn_rlmm("bootstrap", paste0("no interval for ", quoted_list(none), if (type == "bca") {
      ": all samples lie on one side of the estimate, or there are too few"
    } else ": there are too few samples"))
  }
  if (type %in% c("perc", "basic", "bca") && object$R < 2 / (1 - level) - 1) {
    warn_rlmm("bootstrap", paste0(object$R, " samples are too few for intervals of level ",
      format(level), ": the limits are the outermost samples"))
  }
}
