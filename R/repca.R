#' Principal components of the random effects
#'
#' The covariance matrix of the random effects of each grouping factor, relative to the residual
#' variance, in principal components. A component with a standard deviation of (almost) zero says
#' that fewer random effects would do; see [isSingular()] for its direction in words.
#'
#' @param x A model fitted by [rlmm()] or by lme4; for the methods, what `rePCA()` gives.
#' @param object What `rePCA()` gives.
#' @param digits Number of significant digits.
#' @param ... Not used.
#' @return `rePCA()` gives a list with one element of class `prcomp` for each grouping factor
#'   (`sdev`, `rotation`, `center`, `scale`); terms with the same factor are taken together. Its
#'   class is `rlmm_repca` and lme4's `prcomplist`. `summary()` gives a list with the standard
#'   deviations and the proportions of variance, of class `summary.rlmm_repca`. The components
#'   depend on the scales of the columns.
#' @references Bates, D., Kliegl, R., Vasishth, S. and Baayen, H. (2015) Parsimonious mixed models.
#'   arXiv:1506.04967.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' rePCA(fit)
#' summary(rePCA(fit))
#' @rawNamespace S3method(lme4::rePCA, rlmm)
#' @export
rePCA <- function(x) UseMethod("rePCA")

#' @export
rePCA.default <- function(x) hand_to_lme4("rePCA", x)

#' @rdname rePCA
#' @export
rePCA.rlmm <- function(x) {
  lambdas <- lambda_list(x)
  terms_of <- split(seq_along(lambdas), factor_of_term(x))
  names(terms_of) <- factor_names(x)
  structure(lapply(terms_of, function(i) components(lambdas[i])),
    class = c("rlmm_repca", "prcomplist"))
}

# The terms of one factor are independent: their factors stand along the diagonal.
components <- function(lambdas) {
  columns <- unlist(lapply(lambdas, rownames))
  joined <- as.matrix(Matrix::bdiag(lambdas))
  parts <- svd(joined, nv = 0L)
  rotation <- parts$u
  dimnames(rotation) <- list(columns, paste0("PC", seq_along(columns)))
  structure(list(sdev = parts$d, rotation = rotation, center = FALSE, scale = FALSE),
    class = "prcomp")
}

#' @rdname rePCA
#' @export
print.rlmm_repca <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  for (group in names(x)) {
    cat("Random effects of ", group, ", standard deviations relative to the residual one:\n",
      sep = "")
    sdev <- stats::setNames(x[[group]]$sdev, colnames(x[[group]]$rotation))
    print(signif(sdev, digits))
    cat("\nRotation:\n")
    print(signif(x[[group]]$rotation, digits))
    cat("\n")
  }
  invisible(x)
}

#' @rdname rePCA
#' @export
summary.rlmm_repca <- function(object, ...) {
  structure(lapply(unclass(object), summary), class = "summary.rlmm_repca")
}

#' @rdname rePCA
#' @export
print.summary.rlmm_repca <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  for (group in names(x)) {
    cat(group, "\n", sep = "")
    print(x[[group]], digits = digits)
    cat("\n")
  }
  invisible(x)
}
