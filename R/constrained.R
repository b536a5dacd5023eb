#' Fit with standard deviations or correlations held fixed
#'
#' Minimises the criterion of a fit over all parameters but some standard deviations and
#' correlations of the random effects, or the residual standard deviation, which are held at given
#' values.
#'
#' @param object A model fitted by [rlmm()].
#' @param fixed Named values, on the scale of standard deviations and correlations: the names are
#'   those of `variance_parameters(object)$parameter`, as `"sd_x|g"`, `"cor_x.(Intercept)|g"` and
#'   `"sigma"`.
#' @return An object of class `rlmm`, with class `rlmm_constrained` in front and the values as
#'   component `fixed`. They are not counted as parameters by [logLik()], so that [anova()] of the
#'   free and the constrained fit tests them. [refit()] and [update()] keep them.
#'
#'   Degrees of freedom of tests, covariances of variance parameters, profiles, the bootstrap and
#'   searches among models do not know of constraints, and are errors for such a fit or (degrees of
#'   freedom) left out.
#' @details
#' Row a of the relative covariance factor is the standard deviation of effect a, over sigma, times
#' a unit vector, and a correlation is the product of two unit vectors. A correlation with an
#' earlier effect that is held fixed is a linear condition on the unit vector of row a: what is left
#' free is the direction in the null space of these conditions. In the coordinates that are left,
#' the search is quasi-Newton with the exact gradient, followed by Newton steps. Where a standard
#' deviation is held fixed, sigma is a coordinate of the search; otherwise it is profiled out as
#' usual. The certificate ([optinfo()]) is that of the free coordinates.
#' @section Errors:
#' `rlmm_constraint` for names that the model does not have, and for values that no covariance
#' matrix has.
#' @references
#' Pinheiro, J. C. and Bates, D. M. (1996) Unconstrained parametrizations for variance-covariance
#' matrices. *Statistics and Computing* 6, 289-296.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
#' independent <- fit_constrained(fit, c("cor_Days.(Intercept)|Subject" = 0))
#' anova(independent, fit)
#' fit_constrained(fit, c("sd_Days|Subject" = 5, sigma = 25))
#' @export
fit_constrained <- function(object, fixed) {
  check_fit(object, "fit_constrained")
  problem <- constrained_problem(object, check_constraints(object, fixed))
  found <- search_constrained(problem)
  opt <- constrained_optimum(problem, found)
  fit <- rlmm_object(rebuilt_frame(object), opt, object$call)
  fit$dropped <- object$dropped
  fit$cmp[c("REML", "dev")] <- opt$both
  fit$fixed <- problem$fixed
  fit$optinfo$messages <- c(fit$optinfo$messages, paste0("held fixed: ",
    paste(names(problem$fixed), "=", format_number(problem$fixed, 4L), collapse = ", ")))
  class(fit) <- c("rlmm_constrained", "rlmm")
  fit
}

check_constraints <- function(object, fixed) {
  known <- variance_parameter_names(object)
  if (!is.numeric(fixed) || is.null(names(fixed)) || !all(is.finite(fixed))) {
    stop_rlmm("constraint", paste0("'fixed' must be finite numbers with names out of ",
      quoted_list(known, 20L)))
  }
  unknown <- setdiff(names(fixed), known)
  if (length(unknown) || anyDuplicated(names(fixed))) {
    bad <- c(unknown, names(fixed)[duplicated(names(fixed))])[1L]
    stop_rlmm("constraint", paste0("'fixed' has ", if (length(unknown)) "the unknown" else
      "twice the", " parameter ", quoted_list(bad), "; the model has ", quoted_list(known, 20L)),
    column = bad)
  }
  limits <- ifelse(startsWith(names(fixed), "cor_"), 1, Inf)
  below <- ifelse(startsWith(names(fixed), "cor_"), -1, 0)
  bad <- fixed < below | fixed > limits | names(fixed) == "sigma" & fixed <= 0
  if (any(bad)) {
    stop_rlmm("constraint", paste0("'", names(fixed)[bad][1L], "' cannot be ",
      format(fixed[bad][[1L]])), column = names(fixed)[bad][1L])
  }
  if (length(fixed) == 0L) stop_rlmm("constraint", "'fixed' holds no parameter")
  fixed
}

# All that the search needs: for each row of each lambda its coordinates, the criterion, units.
constrained_problem <- function(object, fixed) {
  names <- variance_parameter_names(object)
  values <- stats::setNames(rep(NA_real_, length(names)), names)
  values[names(fixed)] <- fixed
  sizes <- term_sizes(object)
  parts <- split(values[-length(values)], rep(factor(seq_along(sizes)), sizes * (sizes + 1L) / 2L))
  terms <- Map(function(p, values, name) row_constraints(p, values, name), sizes, unname(parts),
    vapply(object$random, `[[`, "", "name"))
  absolute <- any(!is.na(values[startsWith(names, "sd_") | names == "sigma"]))
  random <- random_terms(object)
  # where the free fit has no variance the search must not start: the criterion is even there
  units <- lapply(random, function(term) {
    rms <- if (is.null(term$Z)) 1 else sqrt(colMeans(term$Z^2))
    1 / ifelse(rms > 0, rms, 1)
  })
  list(object = object, fixed = fixed, terms = terms, absolute = absolute,
    sigma = values[["sigma"]], model = rust_state(object), random = random, units = units,
    d = residual_dimension(object))
}

# For each row: its standard deviation, if fixed, and the fixed correlations with earlier rows.
row_constraints <- function(p, values, name) {
  R <- matrix(NA_real_, p, p)
  R[lower.tri(R)] <- values[-seq_len(p)]
  rows <- lapply(seq_len(p), function(a) {
    earlier <- seq_len(a - 1L)
    with <- earlier[!is.na(R[a, earlier])]
    list(a = a, sd = unname(values[a]), with = with, cor = R[a, with])
  })
  for (row in rows) {
    zero <- c(row$a, row$with)[values[c(row$a, row$with)] %in% 0]
    if (length(row$with) && length(zero)) {
      stop_rlmm("constraint", paste0("a correlation of an effect of '", name,
        "' that has no variance cannot be held fixed"), term = name)
    }
  }
  rows
}

# lambda of each term and log sigma from the coordinates of the search, a vector. With `wanted`, a
# list of lambdas, the coordinates closest to it, and their lower bounds, instead.
constrained_map <- function(problem, phi, wanted = NULL, log_sigma = NULL) {
  at <- 0L
  lower <- double()
  take <- function(n, start, bound = -Inf) {
    if (!is.null(wanted)) {
      phi <<- c(phi, start)
      lower <<- c(lower, rep(bound, n))
    }
    at <<- at + n
    phi[at - n + seq_len(n)]
  }
  if (problem$absolute) {
    log_sigma <- if (is.na(problem$sigma)) take(1L, log_sigma) else log(problem$sigma)
  }
  lambdas <- lapply(seq_along(problem$terms), function(i) {
    rows <- problem$terms[[i]]
    p <- length(rows)
    lambda <- directions <- matrix(0, p, p)
    for (row in rows) {
      k <- seq_len(row$a)
      made <- constrained_row(row, directions[row$with, k, drop = FALSE],
        row$sd / exp(log_sigma), take, wanted[[i]][row$a, k])
      lambda[row$a, k] <- made$size * made$direction
      directions[row$a, k] <- made$direction
    }
    lambda
  })
  if (!is.null(wanted)) return(list(phi = phi, lower = lower))
  list(lambdas = lambdas, log_sigma = log_sigma)
}

# Size (relative to sigma, NA where it is free) and unit vector of one row. `earlier` has the unit
# vectors of the rows with which its correlations are fixed.
constrained_row <- function(row, earlier, size, take, wanted) {
  free_size <- is.na(row$sd)
  if (length(row$with) == 0L) {
    x <- if (free_size || row$a > 1L) take(row$a, wanted) else 1
    length <- vector_length(x)
    direction <- if (length > 0) x / length else c(numeric(row$a - 1L), 1)
    return(list(direction = direction, size = if (free_size) length else size))
  }
  if (free_size) size <- take(1L, vector_length(wanted), 0)
  solution <- solutions_of(earlier, row$cor)
  free <- ncol(solution$basis)
  x <- if (free > 1L) {
    start <- drop(crossprod(solution$basis, wanted))
    take(free, if (vector_length(start) > 1e-6) start else c(1, numeric(free - 1L)))
  } else rep(1, free)
  rest <- 1 - sum(solution$shortest^2)
  # where no covariance matrix has these correlations
  if (!isTRUE(rest > -1e-10)) return(list(direction = rep(NaN, row$a), size = size))
  direction <- solution$shortest
  if (free > 0L) {
    direction <- direction + sqrt(max(rest, 0)) * drop(solution$basis %*% x) / vector_length(x)
  } else if (rest > 1e-8) direction <- rep(NaN, row$a)
  list(direction = direction, size = size)
}

vector_length <- function(x) sqrt(sum(x^2))

# The solutions v of A v = b: the shortest one, and an orthonormal basis of those of A v = 0.
solutions_of <- function(A, b) {
  e <- eigen(tcrossprod(A), symmetric = TRUE)
  kept <- e$values > 1e-9 * max(e$values)
  V <- e$vectors[, kept, drop = FALSE]
  inverse <- V %*% (t(V) / e$values[kept])
  shortest <- drop(crossprod(A, inverse %*% b))
  # conditions that depend on one another must agree
  if (max(abs(A %*% shortest - b)) > 1e-8) shortest[] <- NaN
  projector <- diag(ncol(A)) - crossprod(A, inverse %*% A)
  basis <- matrix(0, ncol(A), 0L)
  # from the last coordinate on: diagonals of lambda are positive then, and nearby A have nearby
  # bases
  for (k in rev(seq_len(ncol(A)))) {
    v <- projector[, k] - basis %*% crossprod(basis, projector[, k])
    if (ncol(basis) < ncol(A) - sum(kept) && vector_length(v) > 1e-6) {
      basis <- cbind(basis, v / vector_length(v))
    }
  }
  list(shortest = shortest, basis = basis)
}

lower_entries <- function(lambdas) {
  unlist(lapply(lambdas, function(lambda) lambda[lower.tri(lambda, diag = TRUE)]))
}

# Columns with a negative diagonal are turned round, which changes no covariance.
turned <- function(lambdas) {
  lapply(lambdas, function(lambda) {
    sign <- ifelse(diag(lambda) < 0, -1, 1)
    lambda * rep(sign, each = nrow(lambda))
  })
}

# The criterion and its gradient at some coordinates.
constrained_value <- function(problem, phi) {
  map <- constrained_map(problem, phi)
  theta <- lower_entries(turned(map$lambdas))
  if (!all(is.finite(c(theta, if (problem$absolute) map$log_sigma)))) return(NULL)
  at <- tryCatch(rust_result(rust_at(problem$model, theta, FALSE)),
    rlmm_not_positive_definite = function(e) NULL)
  if (is.null(at)) return(NULL)
  sign <- ifelse(lower_entries(lapply(map$lambdas, function(lambda) {
    matrix(diag(lambda), nrow(lambda), ncol(lambda), byrow = TRUE)
  })) < 0, -1, 1)
  slopes <- c(at$gradient * sign, 0)
  value <- at$criterion
  if (problem$absolute) {
    # sigma is not profiled out: f = log determinants + d log(2 pi sigma^2) + pwrss / sigma^2
    ratio <- at$cmp[["pwrss"]] / exp(2 * map$log_sigma)
    d <- problem$d
    value <- at$criterion - d * (1 + log(at$cmp[["pwrss"]] / d)) + d * 2 * map$log_sigma + ratio
    h <- pwrss_slopes(problem$object, problem$random, at) * sign
    slopes <- c(at$gradient * sign + (ratio - d) * h, 2 * (d - ratio))
  }
  jacobian <- constrained_jacobian(problem, phi)
  list(value = value, gradient = drop(crossprod(jacobian, slopes)), at = at,
    log_sigma = map$log_sigma)
}

# d log pwrss / d theta at a solution.
pwrss_slopes <- function(object, random, at) {
  object[c("theta", "u", "sigma", "cmp")] <- at[c("theta", "u", "sigma", "cmp")]
  object$beta[] <- at$beta
  gradient_log_pwrss(object, random)
}

# Of theta and log sigma by the coordinates: no evaluation of the model is needed.
constrained_jacobian <- function(problem, phi) {
  image <- function(phi) {
    map <- constrained_map(problem, phi)
    c(lower_entries(map$lambdas), if (problem$absolute) map$log_sigma else 0)
  }
  step <- 1e-5 * pmax(abs(phi), 1e-2)
  matrix(unlist(lapply(seq_along(phi), function(k) {
    e <- replace(numeric(length(phi)), k, step[k])
    (8 * (image(phi + e) - image(phi - e)) - (image(phi + 2 * e) - image(phi - 2 * e))) /
      (12 * step[k])
  })), ncol = length(phi))
}

# From the estimates of the free fit, and from a start of usual size; the better end counts.
search_constrained <- function(problem) {
  object <- problem$object
  own <- Map(function(lambda, unit) {
    small <- sqrt(rowSums(lambda^2)) < 0.05 * unit
    diag(lambda)[small] <- 0.3 * unit[small]
    lambda
  }, lambda_list(object), problem$units)
  usual <- lapply(problem$units, function(unit) diag(unit, length(unit)))
  ends <- lapply(list(own, usual), function(lambdas) {
    start <- constrained_map(problem, double(), lambdas, log(object$sigma))
    search_from(problem, start$phi, start$lower)
  })
  ends <- Filter(Negate(is.null), ends)
  if (length(ends) == 0L) {
    stop_rlmm("constraint", "no covariance matrix has the values that are to be held fixed")
  }
  best <- ends[[which.min(vapply(ends, function(end) end$point$value, 0))]]
  best$evaluations <- sum(vapply(ends, `[[`, 0L, "evaluations"))
  best
}

# Quasi-Newton, then Newton steps, from one start; NULL if it is not possible.
search_from <- function(problem, phi, lower) {
  count <- 0L
  last <- list(phi = NULL)
  point <- function(phi) {
    if (!identical(phi, last$phi)) {
      count <<- count + 1L
      last <<- list(phi = phi, point = constrained_value(problem, phi))
    }
    last$point
  }
  if (is.null(point(phi))) return(NULL)
  if (length(phi)) {
    found <- stats::nlminb(phi, function(phi) {
      here <- point(phi)
      if (is.null(here)) Inf else here$value
    }, function(phi) point(phi)$gradient, lower = lower,
    control = list(eval.max = 1000L, iter.max = 500L, rel.tol = 1e-14, x.tol = 1e-12))
    phi <- found$par
  }
  for (k in 1:8) {
    proof <- constrained_proof(point, phi, lower)
    if (proof$decrement <= 1e-12 || is.null(proof$step)) break
    tried <- pmax(phi + proof$step, lower)
    if (!isTRUE(point(tried)$value < point(phi)$value + 1e-10)) break
    phi <- tried
  }
  list(phi = phi, point = point(phi), proof = constrained_proof(point, phi, lower),
    evaluations = count)
}

# Newton decrement, eigenvalues and Newton step in the coordinates that are free and not held by
# their bound, the Hessian by differences of the exact gradient. Lengths of directions do not count:
# the criterion does not depend on them.
constrained_proof <- function(point, phi, lower) {
  gradient <- point(phi)$gradient
  free <- which(!(phi <= lower + 1e-10 & gradient >= 0))
  if (length(free) == 0L) return(list(decrement = 0, eigenvalues = c(0, 0)))
  H <- vapply(free, function(k) {
    step <- 1e-4 * max(abs(phi[k]), 1e-2)
    e <- replace(numeric(length(phi)), k, step)
    sides <- list(point(phi + e), point(pmax(phi - e, lower)))
    if (any(vapply(sides, is.null, NA))) return(rep(NA_real_, length(free)))
    width <- step + min(step, phi[k] - lower[k])
    (sides[[1L]]$gradient[free] - sides[[2L]]$gradient[free]) / width
  }, numeric(length(free)))
  H <- matrix(H, length(free))
  if (anyNA(H)) return(list(decrement = Inf, eigenvalues = c(NA, NA)))
  scale <- 1 / sqrt(pmax(abs(diag(H)), 1e-8 * max(abs(diag(H)), 1e-8)))
  e <- eigen((H + t(H)) / 2 * outer(scale, scale), symmetric = TRUE)
  slope <- drop(crossprod(e$vectors, gradient[free] * scale))
  counts <- abs(e$values) > 1e-7 * max(abs(e$values))
  step <- numeric(length(phi))
  step[free] <- -scale * drop(e$vectors[, counts, drop = FALSE] %*%
    (slope[counts] / abs(e$values[counts])))
  list(decrement = sum(slope[counts]^2 / abs(e$values[counts])) / 2, step = step,
    eigenvalues = range(e$values[counts], 0)[c(1L, 2L)])
}

# What rlmm_optimize() gives, at the end of the search.
constrained_optimum <- function(problem, found) {
  object <- problem$object
  map <- constrained_map(problem, found$phi)
  opt <- rust_result(rust_at(problem$model, lower_entries(turned(map$lambdas)), TRUE))
  proof <- found$proof
  certified <- proof$decrement <= 1e-8 &&
    proof$eigenvalues[1L] >= -1e-6 * max(proof$eigenvalues[2L], 1)
  both <- c(REML = opt$devcrit[["REML"]], dev = opt$devcrit[["dev"]])
  if (problem$absolute) {
    opt$sigma <- unname(exp(map$log_sigma))
    d <- c(object$dims[["n"]] - object$dims[["p"]], object$dims[["n"]])
    pwrss <- opt$cmp[["pwrss"]]
    both <- both - d * (1 + log(pwrss / d)) + 2 * d * map$log_sigma + pwrss / opt$sigma^2
    opt$criterion <- both[[if (object$REML) "REML" else "dev"]]
  }
  opt$both <- both
  opt$kept <- seq_along(object$beta)
  opt$evaluations <- found$evaluations
  opt$certificate <- list(certified = certified, decrement = proof$decrement,
    smallest_eigenvalue = proof$eigenvalues[1L], largest_eigenvalue = proof$eigenvalues[2L],
    hessian = "differences", terms = list(), text = if (certified)
      "local optimum under the constraints, certified" else
      paste0("a step could still lower the criterion, by ", format(signif(proof$decrement, 2))))
  opt$factorisation <- object$optinfo$factorisation
  opt$stopped <- if (certified) "converged" else "no certified optimum"
  opt
}

# For functions that do not know of constraints.
refuse_constrained <- function(object, name) {
  if (length(object$fixed) == 0L) return(invisible())
  stop_rlmm("constraint", paste0(name, " does not know of parameters that are held fixed (",
    quoted_list(names(object$fixed)), ")"), column = names(object$fixed))
}

#' @export
drop1.rlmm_constrained <- function(object, ...) refuse_constrained(object, "drop1()")

#' @export
step.rlmm_constrained <- function(object, ...) refuse_constrained(object, "step()")

#' @importFrom stats profile
#' @export
profile.rlmm_constrained <- function(fitted, ...) refuse_constrained(fitted, "profile()")

#' @importFrom stats confint
#' @export
confint.rlmm_constrained <- function(object, parm, level = 0.95, ...) {
  refuse_constrained(object, "confint()")
}
