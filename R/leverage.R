#' Leverages and standardised residuals
#'
#' @param model A model fitted by [rlmm()].
#' @param fullHatMatrix Give the whole hat matrix (n by n), not its diagonal only?
#' @param ... Not used.
#' @return A vector named by the rows, padded with `NA` after `na.exclude`; rows of weight zero have
#'   leverage zero.
#' @details
#' The hat matrix H maps the response to the fitted values X beta + Z b, theta held at the estimate,
#' in the scale in which residuals are weighted. Its trace is an effective number of parameters.
#' Residuals given the random effects have covariance sigma^2 (I - H), so that
#'
#' * `rstandard()` is r_i / (sigma sqrt(1 - h_i)); lme4 calls this `rstudent()`;
#' * `rstudent()` has in place of sigma its estimate without observation i, as for `lm` fits.
#'   It is large for observations that inflate sigma themselves.
#' @references Bates, Maechler, Bolker & Walker (2015). Fitting linear mixed-effects models using
#'   lme4. Journal of Statistical Software 67(1), section 5. Cook & Weisberg (1982). Residuals and
#'   Influence in Regression. Chapman and Hall, section 2.2.
#' @seealso [influence.rlmm()].
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' sum(hatvalues(fit))
#' head(rstudent(fit))
#' @name leverage
NULL

#' @rdname leverage
#' @importFrom stats hatvalues
#' @export
hatvalues.rlmm <- function(model, fullHatMatrix = FALSE, ...) {
  parts <- leverage_parts(model)
  frame <- model$frame
  if (fullHatMatrix) {
    t_rows <- Matrix::t(parts$rows$t)
    same <- outer(parts$rows$codes, parts$rows$codes, `==`) & TRUE
    H <- tcrossprod(parts$rows$E) * ifelse(is.na(same), FALSE, same) +
      as.matrix(Matrix::crossprod(t_rows, parts$joint$solve(t_rows)))
    H <- H * tcrossprod(parts$root_w)
    dimnames(H) <- list(row.names(frame), row.names(frame))
    return(H)
  }
  names(parts$h) <- row.names(frame)
  stats::naresid(attr(frame, "na.action"), parts$h)
}

# What leverage and deletion need, once for all rows: residuals in the weighted scale, leverages,
# and F = W^1/2 (V0^-1 X RX^-1) without its weights, the rows' part in the fixed effects.
leverage_parts <- function(object) {
  joint <- joint_inverse(object)
  rows <- joint_rows(joint, random_terms(object), fixed_matrix(object))
  root_w <- root_weights(object)
  list(joint = joint, rows = rows, root_w = root_w,
    h = joint_variance(joint, rows) * root_w^2,
    r = (response_of(object) - linear_predictor(object)) * root_w,
    F = as.matrix(rows$t %*% joint$fixed_columns) * root_w)
}

#' @rdname leverage
#' @importFrom stats rstandard
#' @export
rstandard.rlmm <- function(model, ...) {
  h <- hatvalues(model)
  stats::residuals(model, type = "pearson") / (sigma(model) * root_or_nan(1 - h))
}

#' @rdname leverage
#' @importFrom stats rstudent
#' @export
rstudent.rlmm <- function(model, ...) {
  h <- hatvalues(model)
  r <- stats::residuals(model, type = "pearson")
  d <- residual_dimension(model)
  variance <- (d * sigma(model)^2 - r^2 / (1 - h)) / (d - 1)
  r / root_or_nan(variance * (1 - h))
}

root_or_nan <- function(x) ifelse(x > 1e-12 * max(abs(x), na.rm = TRUE), sqrt(pmax(x, 0)), NaN)

# n, or n - p for REML: the divisor of sigma^2.
residual_dimension <- function(object) {
  nobs(object) - if (object$REML) object$dims[["p"]] else 0
}
