#' Residuals
#'
#' @param object A model fitted by [rlmm()].
#' @param type `"response"` and `"working"` give y less fitted values; `"pearson"` and `"deviance"`
#'   multiply that by the square root of the prior weights.
#' @param scaled Divide by the residual standard deviation?
#' @param ... Not used.
#' @return A named vector, padded with `NA` when the model was fitted with `na.exclude`. Rows of
#'   weight zero have residuals too.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' summary(residuals(fit, scaled = TRUE))
#' @importFrom stats residuals
#' @export
residuals.rlmm <- function(object, type = c("response", "pearson", "working", "deviance"),
                           scaled = FALSE, ...) {
  type <- match.arg(type)
  r <- response_of(object) - linear_predictor(object)
  if (type %in% c("pearson", "deviance")) {
    w <- stats::model.weights(object$frame)
    if (!is.null(w)) r <- r * sqrt(w)
  }
  if (scaled) r <- r / object$sigma
  names(r) <- row.names(object$frame)
  stats::naresid(attr(object$frame, "na.action"), r)
}
