#' Fit statistics in one row
#'
#' @param object A model fitted by [rlmm()].
#' @return A data frame of one row: `nobs`, `df` (number of parameters), `df_residual`, `REML`,
#'   `logLik`, `AIC`, `AICc`, `BIC`, `REMLcrit`, `deviance`, `sigma`, `RMSE` (of the residuals given
#'   the random effects), `R2_marginal`, `R2_conditional`, `ICC`.
#' @details
#' `logLik`, `AIC`, `AICc` and `BIC` are those of the criterion that was fitted; for a REML
#' fit they compare models with the same fixed effects only. `deviance` is that of maximum
#' likelihood. AICc = AIC + 2 k (k + 1) / (n - k - 1).
#'
#' With v_f the variance of the fixed part over the rows, v_r the mean over the rows of the random
#' effects' variance z'Sigma z (which covers random slopes), and v_e = sigma^2 (an observation of
#' weight one): marginal R2 = v_f / (v_f + v_r + v_e), conditional R2 = (v_f + v_r) / (same), and
#' ICC = v_r / (v_r + v_e), adjusted for the fixed effects.
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @references Nakagawa & Schielzeth (2013). A general and simple method for obtaining R2 from
#'   generalized linear mixed-effects models. Methods in Ecology and Evolution 4, 133-142.
#'   Johnson (2014). Extension of Nakagawa & Schielzeth's R2 to random slopes models. Methods in
#'   Ecology and Evolution 5, 944-946.
#'   Hurvich & Tsai (1989). Regression and time series model selection in small samples.
#'   Biometrika 76, 297-307.
#' @seealso [variance_partition()] for the parts by term.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' fit_statistics(fit)
#' @export
fit_statistics <- function(object) {
  check_fit(object, "fit_statistics")
  ll <- logLik(object)
  k <- attr(ll, "df")
  n <- nobs(object)
  aic <- stats::AIC(ll)
  parts <- variance_parts(object)
  random <- sum(parts$random)
  total <- parts$fixed + random + parts$residual
  used <- used_rows(object$frame)
  residuals <- (response_of(object) - linear_predictor(object))[used]
  data.frame(
    nobs = n, df = k, df_residual = df.residual(object), REML = object$REML,
    logLik = as.numeric(ll), AIC = aic,
    AICc = if (n > k + 1) aic + 2 * k * (k + 1) / (n - k - 1) else NA_real_,
    BIC = stats::BIC(ll), REMLcrit = REMLcrit(object), deviance = deviance(object, REML = FALSE),
    sigma = sigma(object), RMSE = sqrt(mean(residuals^2)),
    R2_marginal = parts$fixed / total, R2_conditional = (parts$fixed + random) / total,
    ICC = random / (random + parts$residual)
  )
}
