#' Extract a quantity of the model by name
#'
#' The names are those of lme4's `getME()`. Sparse matrices are built when asked for, as objects of
#' the Matrix package.
#'
#' @param object A model fitted by [rlmm()].
#' @param name One name, several (the result is then a named list), or `"ALL"`.
#' @param ... Not used.
#' @return By name:
#' * `X`, `Z`, `Zt`: model matrices; `Ztlist`: rows of `Zt` by term and column; `mmList`: model
#'   matrices of the terms' left sides; `y`, `mu`, `offset`: response, fitted values, offset.
#' * `beta`, `fixef`: fixed effects, without and with names; `theta`, `lower`: covariance
#'   parameters and their lower bounds; `sigma`; `u`, `b`: random effects on the spherical
#'   and the original scale.
#' * `Lambda`, `Lambdat`, `Lind`: the relative covariance factor, and which entry of theta each of
#'   its nonzero entries is; `Tlist`: its block for one level of each term, `ST` the same
#'   as scales on the diagonal and unit triangle below.
#' * `A` (Lambda'Z'), `L` (sparse Cholesky factor of A W A' + I, with its permutation), `RZX`, `RX`.
#' * `flist` (grouping factors), `cnms` (columns by term), `Gp` and `Tp` (where each term begins in
#'   b and in theta), `n_rtrms`, `k`, `n_rfacs` (terms and factors), `p_i`, `q_i`, `m_i` (columns,
#'   effects and parameters by term), `l_i` (levels by factor), `N` (rows), `n` (rows used), `p`,
#'   `q`, `m` (lengths of beta, u and theta), `REML` (p or 0), `is_REML`, `devcomp`, and `devfun`
#'   (the criterion as a function of theta).
#' * `par`, `npar` and `devarg`, which newer versions of lme4 have for structured covariances:
#'   theta, its length, and the argument of `devfun`, which is theta again.
#'
#' Rows of weight zero are in `X`, `Z`, `y` and `mu`, and count in `N` only.
#' @section Names without a meaning here:
#' `glmer.nb.theta`, `nAGQ`, `eta`, `tolPwrss` and `compDev` belong to generalised linear models,
#' `nlenv` and `nlmod` to nonlinear ones, `optimizer` to a choice of search algorithms. They are
#' errors that say so, and are not part of `"ALL"`.
#' @section Errors:
#' An unknown name is an error of class `rlmm_unknown_name` that lists the known ones.
#' @references Bates, Maechler, Bolker & Walker (2015). Fitting linear mixed-effects models using
#'   lme4. Journal of Statistical Software 67(1).
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' getME(fit, "theta")
#' getME(fit, c("n", "p", "q"))
#' @export
getME.rlmm <- function(object, name, ...) {
  known <- names(GETME)
  if (missing(name)) stop_rlmm("unknown_name", paste("'name' is one of", quoted_list(known, Inf)))
  if (identical(name, "ALL")) name <- known
  unknown <- setdiff(name, known)
  if (any(unknown %in% names(NOT_IN_GETME))) {
    unknown <- intersect(unknown, names(NOT_IN_GETME))[1L]
    stop_rlmm("unknown_name", paste0("getME() has no '", unknown, "' of a fit by rlmm(): ",
      NOT_IN_GETME[[unknown]]), term = unknown)
  }
  if (length(unknown)) {
    stop_rlmm("unknown_name", paste0(
      "getME() knows no '", unknown[1], "'; it knows ", quoted_list(known, Inf)
    ), term = unknown[1])
  }
  if (length(name) > 1) return(sapply(name, getME, object = object, simplify = FALSE))
  GETME[[name]](object)
}

# One function of the fit for each name.
GETME <- list(
  X = function(object) fixed_matrix(object),
  Z = function(object) Matrix::t(sparse_Zt(object)),
  Zt = function(object) sparse_Zt(object),
  Ztlist = function(object) Zt_by_column(object),
  mmList = function(object) left_matrices(object),
  y = function(object) response_of(object),
  mu = function(object) linear_predictor(object),
  u = function(object) object$u,
  b = function(object) sparse_Lambda(object) %*% object$u,
  Gp = function(object) c(0L, as.integer(cumsum(effects_by_term(object)))),
  Tp = function(object) c(beg__ = 0, cumsum(by_group(object, parameters_by_term(object)))),
  L = function(object) cholesky_L(object),
  Lambda = function(object) sparse_Lambda(object),
  Lambdat = function(object) Matrix::t(sparse_Lambda(object)),
  Lind = function(object) lambda_index(object),
  Tlist = function(object) by_group(object, lapply(lambda_list(object), unname)),
  A = function(object) sparse_A(object),
  RX = function(object) object$RX,
  RZX = function(object) factor_RZX(object),
  sigma = function(object) object$sigma,
  flist = function(object) grouping_factors(object),
  fixef = function(object) fixef(object),
  beta = function(object) unname(object$beta),
  theta = function(object) stats::setNames(object$theta, theta_names(object)),
  ST = function(object) by_group(object, lapply(lambda_list(object), scales_and_triangle)),
  REML = function(object) if (object$REML) object$dims[["p"]] else 0L,
  is_REML = function(object) object$REML,
  n_rtrms = function(object) length(object$random),
  n_rfacs = function(object) length(factor_names(object)),
  N = function(object) nrow(object$frame),
  n = function(object) nobs(object),
  p = function(object) object$dims[["p"]],
  q = function(object) object$dims[["q"]],
  p_i = function(object) by_bar(object, term_sizes(object)),
  l_i = function(object) ngrps(object),
  q_i = function(object) by_bar(object, effects_by_term(object)),
  k = function(object) length(object$random),
  m_i = function(object) by_bar(object, parameters_by_term(object)),
  m = function(object) length(object$theta),
  cnms = function(object) by_group(object, lapply(object$random, `[[`, "columns")),
  devcomp = function(object) devcomp(object),
  par = function(object) GETME$theta(object),
  npar = function(object) length(object$theta),
  devarg = function(object) GETME$theta(object),
  offset = function(object) offset_or_zero(object$frame),
  lower = function(object) {
    lower <- ifelse(theta_on_diagonal(object), 0, -Inf)
    stats::setNames(lower, theta_names(object))
  },
  devfun = function(object) rlmm_devfun(rebuilt_frame(object))
)

# Names that users of lme4 could ask for, and why a linear model has no such thing.
NOT_IN_GETME <- c(
  glmer.nb.theta = "it is the dispersion of a negative binomial model",
  nAGQ = "a linear model has an exact likelihood, and no quadrature",
  eta = "a linear model has no link function; see 'mu'",
  tolPwrss = "a linear model needs no iterations for given theta",
  compDev = "the criterion has one implementation only",
  nlenv = "it belongs to nonlinear models",
  nlmod = "it belongs to nonlinear models",
  optimizer = "there is one search algorithm only; see optinfo()"
)

effects_by_term <- function(object) term_sizes(object) * term_level_counts(object)

parameters_by_term <- function(object) {
  p <- term_sizes(object)
  as.integer(p * (p + 1L) / 2L)
}

by_group <- function(object, x) stats::setNames(x, vapply(object$random, `[[`, "", "group"))

by_bar <- function(object, x) stats::setNames(x, vapply(random_terms(object), `[[`, "", "call"))

# lambda = T S, T unit lower triangular and S diagonal, in one matrix.
scales_and_triangle <- function(lambda) {
  scales <- diag(lambda)
  unit <- lambda / rep(scales, each = nrow(lambda))
  unit[, scales == 0] <- 0
  diag(unit) <- scales
  unname(unit)
}

left_matrices <- function(object) {
  terms <- random_terms(object)
  out <- lapply(terms, function(term) {
    Z <- left_matrix(term, nrow(object$frame))
    dimnames(Z) <- list(row.names(object$frame), term$columns)
    Z
  })
  stats::setNames(out, vapply(terms, `[[`, "", "call"))
}

# A term whose only column is the intercept stores none.
left_matrix <- function(term, n) if (is.null(term$Z)) matrix(1, n, 1L) else term$Z

grouping_factors <- function(object) {
  index <- factor_of_term(object)
  terms <- random_terms(object)[!duplicated(index)]
  factors <- lapply(terms, function(term) {
    structure(term$codes, levels = term$levels, class = "factor")
  })
  structure(stats::setNames(factors, factor_names(object)), assign = match(index, unique(index)))
}

# The criterion's parts under lme4's names.
devcomp <- function(object) {
  cmp <- object$cmp
  dims <- object$dims
  n <- dims[["n"]]
  p <- dims[["p"]]
  pwrss <- cmp[["pwrss"]]
  REML <- object$REML
  list(
    cmp = c(cmp[c("ldL2", "ldRX2", "wrss", "ussq", "pwrss")], drsum = NA,
      REML = if (REML) object$criterion else NA, dev = if (REML) NA else object$criterion,
      sigmaML = sqrt(pwrss / n), sigmaREML = sqrt(pwrss / (n - p))),
    dims = c(N = nrow(object$frame), n = n, p = p, nmp = n - p, q = dims[["q"]],
      nth = length(object$theta), useSc = 1L, reTrms = length(object$random), spFe = 0L,
      REML = if (REML) p else 0L, GLMM = 0L, NLMM = 0L)
  )
}
