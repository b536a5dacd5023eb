#' Fit from many starting points
#'
#' Searches again from random starting points and compares the optima reached. Where they
#' differ, the criterion has local optima. It takes the place of `lme4::allFit()`, which compares
#' optimizers; here there is one, with exact derivatives, and what can matter is where it starts.
#' `allFit()` is another name for it, and hands fits of lme4 on to lme4.
#'
#' @param object A model fitted by [rlmm()]; for `summary()`, what `multistart()` gives.
#' @param n Number of random starting points. The first search starts where [rlmm()] does.
#' @param seed `NULL`, or a seed for [set.seed()].
#' @param tol Optima are the same whose criteria differ by at most `tol`.
#' @param x What `multistart()` gives.
#' @param digits Number of significant digits.
#' @param ... For `allFit()`, arguments of `multistart()`; those of lme4's function, which are about
#'   optimizers, have no effect. Otherwise not used.
#' @return A list of class `rlmm_multistart`:
#' * `table`: a data frame with one row for each start: `criterion`; `gap`, how much it lies above
#'   the lowest one; `certified`; `evaluations`; `error`, which says why a search failed;
#' * `starts`, `theta`, `beta`: matrices, one row for each start; `sigma`;
#' * `criterion`, that of the fit, and `best`, the row with the lowest one;
#' * `better`: is that lower than the fit's by more than `tol`? Then fit again with
#'   `start = x$theta[x$best, ]`.
#'
#' `summary()` gives a list with the names that it has in lme4, a row or entry for each start:
#' `which.OK` (has the search ended without an error?), `msgs` (what it had to say: an error, or
#' that the point is not certified), `fixef`, `llik`, `sdcor` (standard deviations and correlations
#' of the random effects, and sigma), `theta`, `feval` (evaluations of the criterion).
#' @details
#' The standard deviations of a starting point, relative to the residual one and to the scale of the
#' columns, are log-normal with median 1; between a tenth and ten are most of them. Correlations
#' come from a standard normal lower triangle.
#' @section Warnings:
#' `rlmm_better_optimum` when a start has led to a lower criterion than that of the fit.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' found <- multistart(fit, n = 5, seed = 1)
#' found
#' summary(found)$sdcor
#' @export
multistart <- function(object, n = 10L, seed = NULL, tol = 1e-6) {
  if (!inherits(object, "rlmm")) {
    stop_rlmm("no_method", "multistart() is for models fitted by rlmm()")
  }
  refuse_constrained(object, "multistart()")
  n <- check_count(n, "n")
  frame <- rebuilt_frame(object)
  frame$control$check$rank_X <- "ignore"
  drawn <- with_generator(seed, lapply(seq_len(n), function(i) random_theta(frame$random)))
  starts <- c(list(NULL), drawn$value)
  devfun <- rlmm_devfun(frame)
  opts <- lapply(starts, function(start) {
    tryCatch(rlmm_optimize(devfun, start), rlmm_error = identity)
  })
  out <- compare_optima(object, starts, opts, tol)
  if (out$better) {
    warn_rlmm("better_optimum", paste0("a start has led to a criterion lower by ",
      format(object$criterion - min(out$table$criterion, na.rm = TRUE), digits = 3),
      " than that of the fit"))
  }
  out
}

compare_optima <- function(object, starts, opts, tol) {
  value <- function(opt, name, empty) if (inherits(opt, "error")) empty else opt[[name]]
  collect <- function(name, template) {
    rows <- lapply(opts, value, name, NA * template)
    matrix(unlist(rows), length(opts), length(template), byrow = TRUE,
      dimnames = list(NULL, names(template)))
  }
  theta <- stats::setNames(object$theta, theta_names(object))
  criterion <- vapply(opts, value, 0, "criterion", NA_real_)
  best <- which.min(criterion)
  table <- data.frame(
    start = c("default", rep("random", length(opts) - 1L)), criterion = criterion,
    gap = criterion - min(criterion, na.rm = TRUE),
    certified = vapply(opts, function(opt) isTRUE(opt$certificate$certified), NA),
    evaluations = vapply(opts, value, 0, "evaluations", NA_real_),
    error = vapply(opts, function(opt) if (inherits(opt, "error")) opt$message else "", "")
  )
  starts[[1L]] <- NA * theta
  structure(class = "rlmm_multistart", list(
    table = table, starts = matrix(unlist(starts), length(opts), byrow = TRUE,
      dimnames = list(NULL, names(theta))),
    theta = collect("theta", theta), beta = collect("beta", object$beta),
    sigma = vapply(opts, value, 0, "sigma", NA_real_), criterion = object$criterion, best = best,
    better = isTRUE(criterion[best] < object$criterion - tol), tol = tol,
    random = object$random
  ))
}

#' @rdname multistart
#' @export
allFit <- function(object, ...) {
  if (!inherits(object, "rlmm")) return(hand_to_lme4("allFit", object, ...))
  about_optimizers <- c("meth.tab", "data", "verbose", "show.meth.tab", "maxfun", "parallel",
    "ncpus", "cl", "catch.errs", "start_from_mle")
  given <- list(...)
  do.call(multistart, c(list(object), given[!names_or_empty(given) %in% about_optimizers]))
}

#' @rdname multistart
#' @export
summary.rlmm_multistart <- function(object, ...) {
  table <- object$table
  starts <- ifelse(table$start == "default", "default", paste0("random", seq_len(nrow(table)) - 1L))
  by_start <- function(x) `rownames<-`(x, starts)
  message <- ifelse(nzchar(table$error), table$error, ifelse(table$certified, "", "not certified"))
  sdcor <- lapply(seq_along(starts), function(i) {
    scale_change(list(random = object$random, theta = object$theta[i, ], sigma = object$sigma[i]),
      "sdcor")$estimate
  })
  named <- function(x) stats::setNames(x, starts)
  list(which.OK = named(!nzchar(table$error)), msgs = named(message),
    fixef = by_start(object$beta), llik = named(-table$criterion / 2),
    sdcor = by_start(do.call(rbind, sdcor)), theta = by_start(object$theta),
    feval = named(table$evaluations))
}

# A random theta that neither the scale nor the location of the columns matters for.
random_theta <- function(random) {
  unlist(lapply(random, function(term) {
    p <- length(term$columns)
    M <- matrix(stats::rnorm(p * p), p)
    M[upper.tri(M)] <- 0
    M <- exp(stats::rnorm(p)) * M / sqrt(rowSums(M^2))
    factor <- backsolve(row_scale(term), M)
    lambda <- t(qr.R(qr(t(factor))))
    # a lower triangular factor of the same covariance, with a positive diagonal
    lambda <- lambda * rep(ifelse(diag(lambda) < 0, -1, 1), each = p)
    lambda[lower.tri(lambda, diag = TRUE)]
  }))
}

#' @rdname multistart
#' @export
print.rlmm_multistart <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  lowest <- min(x$table$criterion, na.rm = TRUE)
  reached <- sum(x$table$gap <= x$tol, na.rm = TRUE)
  cat(nrow(x$table), " searches (the usual start and ", nrow(x$table) - 1L, " random ones): ",
    reached, " reached the lowest criterion, ", formatC(lowest, digits = digits, format = "f"),
    "\n", sep = "")
  cat(if (x$better) "The fit has a HIGHER criterion, " else "The fit has this optimum: ",
    formatC(x$criterion, digits = digits, format = "f"), "\n", sep = "")
  failed <- nzchar(x$table$error)
  if (any(failed)) cat(sum(failed), "searches failed\n")
  table <- x$table[setdiff(names(x$table), if (!any(failed)) "error")]
  table$criterion <- formatC(table$criterion, digits = digits, format = "f")
  table$gap <- signif(table$gap, 2)
  print(table)
  invisible(x)
}
