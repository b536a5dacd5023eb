#' The criterion as a function of theta
#'
#' @param x A model fitted by [rlmm()].
#' @param ... Not used.
#' @return A function of theta, the covariance parameters in the order of `getME(x, "theta")`. It
#'   gives the REML criterion of a REML fit, otherwise the deviance, with the fixed effects and the
#'   residual variance at their best for that theta. The same as [rlmm_devfun()] gives, and
#'   `getME(x, "devfun")`.
#' @section Errors: `rlmm_start` when theta has the wrong length, or is not finite.
#' @references Bates, Maechler, Bolker & Walker (2015). Fitting linear mixed-effects models using
#'   lme4. Journal of Statistical Software 67(1), equations 35 and 42.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy)
#' criterion <- as.function(fit)
#' theta <- seq(0.5, 3, by = 0.1)
#' plot(theta, vapply(theta, criterion, 0), type = "l", ylab = "REML criterion")
#' abline(v = getME(fit, "theta"), lty = 2)
#' @export
as.function.rlmm <- function(x, ...) rlmm_devfun(rebuilt_frame(x))
