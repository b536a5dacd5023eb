#' Covariance of the fixed effects
#'
#' The covariance matrix that the model implies, or one that is robust to a wrong covariance
#' structure.
#'
#' @param object,x A model fitted by [rlmm()].
#' @param correlation Accepted as in lme4 and not used: the result is always a plain matrix.
#' @param sigm Residual standard deviation, for the covariance of the model.
#' @param full The covariance of random and fixed effects together, random effects first? Those
#'   of the random effects are prediction errors, given theta.
#' @param type `"model"`: `sigma^2 (X'V0^-1 X)^-1`, given theta. `"CR0"`, `"CR1"`, `"CR2"`: robust,
#'   see below.
#' @param cluster For the robust types, what observations may depend on: a formula such as
#'   `~ school` (variables of the model or of its data; `~ a + b` clusters both ways, `~ a:b` by
#'   combinations), the name of a grouping factor, a vector with a value for each row, or a list of
#'   such vectors. By default the outermost grouping factors: for nested random effects the coarsest
#'   one, for crossed ones each of them.
#' @param ... Not used.
#' @return A base matrix.
#' @section Robust types:
#' With G = V^-1 X, M = (X'G)^-1 and residuals e = y - X beta, the estimate is
#' M (sum over clusters i of G_i'A_i e_i e_i'A_i G_i) M, whose expectation is right whatever the
#' covariance within clusters is, if there are many (Liang and Zeger 1986).
#' * `"CR0"`: A_i is the identity. Too small where clusters are few.
#' * `"CR1"`: the same, times m / (m - 1) for m clusters.
#' * `"CR2"`: A_i is such that the expectation is exact if the model holds:
#'   A_i = D_i'(D_i S_i D_i')^-1/2 D_i, where V_i = D_i'D_i and S_i = V_i - X_i M X_i' is the
#'   covariance of the residuals (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018, section 2,
#'   with V as working covariance). The one to use where clusters are fewer than some 50, with the
#'   degrees of freedom of `summary(fit, vcov = "CR2")`.
#'
#' Observations that share a random effect are not independent, so that each grouping factor must be
#' nested within a clustering factor; otherwise there is an error of class `rlmm_cluster`. For
#' crossed random effects clusters go several ways: with s and d, V_s + V_d - V_sd (Cameron, Gelbach
#' and Miller 2011), which covers every pair of rows with a cluster in common; with `"CR2"` its
#' expectation is again that of the model if the model holds.
#' Negative eigenvalues that the difference can have are taken as zero, with a warning
#' (`rlmm_cluster`).
#'
#' Tests use them by argument `vcov` of [summary()][summary.rlmm()], [anova()][anova.rlmm()] and
#' [contest()]. Degrees of freedom with one way of clustering: Satterthwaite's for one contrast and
#' the approximate Hotelling T^2 test for several, with the moments that the robust covariance has
#' if the model holds (Pustejovsky and Tipton 2018, section 3). With several ways: the smallest
#' number of clusters less one (Cameron and Miller 2015).
#'
#' A coefficient that a single cluster determines, as that of a variable that differs from the
#' others in one cluster only, has hardly any robust variance: the residuals of that cluster do not
#' tell it. Tests whose robust variance has less than half of the model's as its expectation,
#' because of that or of too few clusters, come with a warning (`rlmm_cluster`). Where variances
#' within a cluster differ by more than a factor of 1e6, `"CR2"` cannot be computed to enough digits
#' and is an error of that class.
#' @section Package sandwich:
#' Its generics `estfun()` (scores of the fixed effects, one row for each row of the model frame)
#' and `bread()` have methods, so that `sandwich::vcovCL(fit, cluster = , cadjust = FALSE,
#' type = "HC0")` is `"CR0"`. `vcovHC()`, for independent rows, and `vcovBS()`, which fits
#' to rows drawn again, are errors (`rlmm_no_counterpart`): use `type = "CR2"` or [bootMer()].
#' @references
#' Bell, R. M. and McCaffrey, D. F. (2002) Bias reduction in standard errors for linear regression
#' with multi-stage samples. *Survey Methodology* 28, 169-181.
#'
#' Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2011) Robust inference with multiway
#' clustering. *Journal of Business & Economic Statistics* 29, 238-249.
#'
#' Cameron, A. C. and Miller, D. L. (2015) A practitioner's guide to cluster-robust inference.
#' *Journal of Human Resources* 50, 317-372.
#'
#' Liang, K.-Y. and Zeger, S. L. (1986) Longitudinal data analysis using generalized linear models.
#' *Biometrika* 73, 13-22.
#'
#' Pustejovsky, J. E. and Tipton, E. (2018) Small-sample methods for cluster-robust variance
#' estimation and hypothesis testing in fixed effects models. *Journal of Business & Economic
#' Statistics* 36, 672-683.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy)
#' vcov(fit)
#' vcov(fit, type = "CR2")
#' summary(fit, vcov = "CR2")
#' @name vcov.rlmm
#' @importFrom stats vcov
#' @export
vcov.rlmm <- function(object, correlation = TRUE, sigm = sigma(object), full = FALSE,
                      type = c("model", "CR0", "CR1", "CR2"), cluster = NULL, ...) {
  type <- one_of(type, vcov_types, "type")
  if (full) {
    if (type != "model") {
      stop_rlmm("bad_argument", "robust covariances are of the fixed effects only, not 'full'",
        column = "type")
    }
    return(joint_covariance(object, sigm))
  }
  if (type != "model") return(robust_parts(object, type, cluster)$covariance)
  covariance <- if (length(object$beta)) sigm^2 * chol2inv(object$RX) else matrix(0, 0, 0)
  dimnames(covariance) <- list(names(object$beta), names(object$beta))
  covariance
}

#' @rdname vcov.rlmm
#' @exportS3Method sandwich::estfun
estfun.rlmm <- function(x, ...) {
  used <- used_rows(x$frame)
  rows <- robust_rows(x)
  scores <- matrix(0, length(used), length(x$beta),
    dimnames = list(row.names(x$frame), names(x$beta)))
  scores[used, ] <- rows$G * rows$e / x$sigma^2
  scores
}

#' @rdname vcov.rlmm
#' @exportS3Method sandwich::bread
bread.rlmm <- function(x, ...) nrow(x$frame) * vcov(x)

#' @exportS3Method sandwich::vcovHC
vcovHC.rlmm <- function(x, ...) refuse_sandwich("vcovHC()", "is for independent rows")

#' @exportS3Method sandwich::vcovBS
vcovBS.rlmm <- function(x, ...) {
  refuse_sandwich("vcovBS()", "fits to rows drawn again, with a cluster drawn twice as one")
}

refuse_sandwich <- function(name, why) {
  stop_rlmm("no_counterpart", paste0(name, " ", why, "; use vcov(fit, type = \"CR2\"), ",
    "sandwich::vcovCL() or bootMer()"))
}
