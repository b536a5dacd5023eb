# Many responses on one design.

# One column for each response, with a value for each row of the frame.
response_matrix <- function(object, responses) {
  columns <- if (is.matrix(responses)) asplit(responses, 2L) else as.list(responses)
  Y <- vapply(columns, response_rows, numeric(nrow(object$frame)), object = object)
  labels <- if (is.matrix(responses)) colnames(responses) else names(responses)
  if (is.null(labels)) labels <- paste0("y", seq_along(columns))
  colnames(Y) <- make.unique(labels)
  Y
}

refit_many <- function(object, Y) {
  fits <- refit_columns(object, Y)
  numbers <- function(name) vapply(fits, `[[`, 0, name)
  by_response <- function(name, columns) {
    values <- vapply(fits, `[[`, numeric(length(columns)), name)
    matrix(values, ncol(Y), length(columns), byrow = TRUE, dimnames = list(colnames(Y), columns))
  }
  random <- lapply(object$random, `[`, c("group", "name", "columns", "factor"))
  structure(class = "rlmm_refits", list(
    call = object$call, formula = object$formula, REML = object$REML, random = random,
    responses = colnames(Y), beta = by_response("beta", names(object$beta)),
    se = by_response("se", names(object$beta)), theta = by_response("theta", theta_names(object)),
    sigma = numbers("sigma"), criterion = numbers("criterion"), nobs = numbers("nobs"),
    evaluations = numbers("evaluations"), certified = numbers("certified") == 1,
    singular = numbers("singular") == 1, error = vapply(fits, `[[`, "", "error")
  ))
}

# One fit for each column of Y, on the design of the object; the place for a call that does all of
# them in parallel. A response that cannot be fitted does not stop the others.
refit_columns <- function(object, Y) {
  frame <- rebuilt_frame(object)
  frame$control$check$rank_X <- "ignore"
  # the message on progress is for a single long fit
  frame$control$progress <- FALSE
  none <- no_fit(object)
  start <- start_from(object)
  lapply(seq_len(ncol(Y)), function(j) {
    tryCatch(refit_column(frame, Y[, j], start, none), rlmm_error = function(e) {
      none$error <- conditionMessage(e)
      none
    })
  })
}

no_fit <- function(object) {
  empty <- object$beta
  empty[] <- NA
  list(beta = empty, se = empty, theta = NA * object$theta, sigma = NA_real_, criterion = NA_real_,
    nobs = NA_real_, evaluations = NA_real_, certified = NA_real_, singular = NA_real_,
    error = NA_character_)
}

refit_column <- function(frame, y, start, result) {
  frame <- frame_for_response(frame, y)
  opt <- fit_frame(frame, start)
  if (!all(is.finite(c(opt$criterion, opt$sigma, opt$beta)))) {
    stop_rlmm("not_finite", "the fit has no finite criterion")
  }
  p <- length(opt$beta)
  if (p > 0L) {
    kept <- colnames(frame$X)[opt$kept]
    result$beta[kept] <- opt$beta
    result$se[kept] <- opt$sigma * sqrt(diag(chol2inv(matrix(opt$RX, p))))
  }
  result[c("theta", "sigma", "criterion")] <- opt[c("theta", "sigma", "criterion")]
  result$nobs <- if (is.null(frame$weights)) length(y) else sum(frame$weights > 0)
  result$evaluations <- opt$evaluations
  result$certified <- as.double(isTRUE(opt$certificate$certified))
  result$singular <- as.double(length(singular_directions(frame$random, opt$theta)) > 0L)
  result
}

# The frame with another response; rows where it is missing have weight zero.
frame_for_response <- function(frame, y) {
  missing <- is.na(y)
  if (any(missing)) {
    if (is.null(frame$weights)) frame$weights <- rep(1, length(y))
    frame$weights[missing] <- 0
    if (all(frame$weights == 0)) stop_rlmm("no_rows", "all values of the response are missing")
    y[missing] <- 0
  }
  used <- if (is.null(frame$weights)) TRUE else frame$weights > 0
  if (any(is.infinite(y[used]))) stop_rlmm("infinite", "there are infinite values in the response")
  if (all(y[used] == y[used][1L])) stop_rlmm("response", "the response is constant")
  frame$y <- y
  frame
}

#' Estimates of many fits on one design
#'
#' What [refit()] gives for several responses: thousands of genes or voxels, or simulated data.
#'
#' @param x,object What [refit()] gave for several responses.
#' @param row.names,optional As in [as.data.frame()]; not used.
#' @param what `"fixed"` for the fixed effects, `"random"` for variances and correlations, `"fit"`
#'   for one row on each fit.
#' @param ... Not used.
#' @return A data frame, response by response in the order given:
#' * `"fixed"`: `response`, `term`, `estimate`, `std.error`, `statistic` (their ratio);
#' * `"random"`: `response` and the columns of `as.data.frame(VarCorr())`: `grp`, `var1`, `var2`,
#'   `vcov`, `sdcor`;
#' * `"fit"`: `response`, `sigma`, `criterion` (the REML criterion, or the deviance), `logLik`,
#'   `df`, `nobs`, `certified` (was the optimum certified?), `singular`, `evaluations`, and `error`,
#'   which says why a response was not fitted; its other columns are then `NA`.
#'
#' `fixef()` gives the matrix of estimates, responses in rows.
#' @details
#' A missing value leaves its row out of that response's fit only.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy)
#' responses <- data.frame(raw = sleepstudy$Reaction, log = log(sleepstudy$Reaction))
#' fits <- refit(fit, responses)
#' fits
#' as.data.frame(fits)
#' as.data.frame(fits, what = "random")
#' @export
as.data.frame.rlmm_refits <- function(x, row.names = NULL, optional = FALSE,
                                      what = c("fixed", "random", "fit"), ...) {
  switch(match.arg(what), fixed = refits_fixed(x), random = refits_random(x), fit = refits_fit(x))
}

refits_fixed <- function(x) {
  estimate <- as.vector(t(x$beta))
  se <- as.vector(t(x$se))
  data.frame(
    response = rep(x$responses, each = ncol(x$beta)),
    term = rep(colnames(x$beta), length(x$responses)),
    estimate = estimate, std.error = se, statistic = estimate / se
  )
}

refits_random <- function(x) {
  # the rows of all responses have the same labels: only one data frame is made
  labels <- as.data.frame(VarCorr(one_of_refits(x, 1L)))[c("grp", "var1", "var2")]
  values <- lapply(seq_along(x$responses), function(i) varcorr_values(one_of_refits(x, i)))
  n <- length(x$responses)
  data.frame(
    response = rep(x$responses, each = nrow(labels)),
    labels[rep(seq_len(nrow(labels)), n), ],
    vcov = unlist(lapply(values, `[[`, "vcov"), use.names = FALSE),
    sdcor = unlist(lapply(values, `[[`, "sdcor"), use.names = FALSE), row.names = NULL
  )
}

# As much of a fit as VarCorr() looks at.
one_of_refits <- function(x, i) {
  structure(list(random = x$random, theta = x$theta[i, ], sigma = x$sigma[i]), class = "rlmm")
}

# Variances, then covariances of each term, and the residual variance.
varcorr_values <- function(fit) {
  terms <- unclass(VarCorr(fit))
  vcov <- lapply(terms, function(S) c(diag(S), S[lower.tri(S)]))
  sdcor <- lapply(terms, function(S) {
    c(attr(S, "stddev"), attr(S, "correlation")[lower.tri(S)])
  })
  list(vcov = c(unlist(vcov), fit$sigma^2), sdcor = c(unlist(sdcor), fit$sigma))
}

refits_fit <- function(x) {
  n_par <- rowSums(!is.na(x$beta)) + ncol(x$theta) + 1L
  data.frame(
    response = x$responses, sigma = x$sigma, criterion = x$criterion, logLik = -x$criterion / 2,
    df = ifelse(is.na(x$criterion), NA, n_par), nobs = x$nobs, certified = x$certified,
    singular = x$singular, evaluations = x$evaluations, error = x$error
  )
}

#' @rdname as.data.frame.rlmm_refits
#' @export
fixef.rlmm_refits <- function(object, ...) object$beta

#' @rdname as.data.frame.rlmm_refits
#' @export
print.rlmm_refits <- function(x, ...) {
  cat(length(x$responses), " responses: ", fit_title(x$REML), " ['rlmm']\n", sep = "")
  print_call(x$call, x$formula)
  cat("singular: ", sum(x$singular, na.rm = TRUE), ", not certified: ",
    sum(!x$certified, na.rm = TRUE), ", not fitted: ", sum(!is.na(x$error)), "\n", sep = "")
  if (ncol(x$beta)) {
    cat("Estimates of the fixed effects:\n")
    print(t(apply(x$beta, 2L, stats::quantile, na.rm = TRUE)))
  }
  invisible(x)
}
