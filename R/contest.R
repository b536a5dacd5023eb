#' Tests of linear hypotheses about the fixed effects
#'
#' @param model A model fitted by [rlmm()], or one of lmerTest.
#' @param L The hypothesis L beta = rhs: a vector for one contrast, or a matrix with a row for each.
#'   Its columns belong to the coefficients `names(fixef(model))`, or to all columns of the model
#'   matrix where the fit has dropped redundant ones; or they are named by coefficients, those not
#'   named being zero. A list of such is taken one by one.
#' @param rhs Hypothesised values, one or one for each row.
#' @param joint One F test of all rows together, or a t test of each?
#' @param collect With several hypotheses (a list, or `joint = FALSE`), one data frame, or a list?
#' @param confint,level Should t tests have confidence intervals, and of which level?
#' @param check_estimability With `FALSE`, contrasts of redundant columns are taken as if those had
#'   coefficients of zero.
#' @param ddf How denominator degrees of freedom are found, see [rlmm-ddf].
#' @param vcov,cluster For tests with a robust covariance, see [vcov.rlmm()].
#' @param ... Handed to the methods.
#' @return A data frame in lmerTest's layout. For t tests a row for each contrast with columns
#'   `Estimate` (of L beta), `Std. Error`, `df`, `t value`, `lower`, `upper` and `Pr(>|t|)`, for a
#'   joint test `Sum Sq`, `Mean Sq`, `NumDF` (the rank of L), `DenDF`, `F value` and `Pr(>F)`. With
#'   `ddf = "none"` there are no p values, and intervals are those of the normal distribution.
#' @details
#' Where the model matrix X has redundant columns, a contrast l is estimable if it is orthogonal to
#' all v with X v = 0. One that is not gives a row of `NA` with a warning of class
#' `rlmm_not_estimable`, and as part of a joint test an error of that class.
#' @section Errors:
#' `rlmm_bad_argument` where L does not fit the model, or rows that depend on one another have
#' contradicting `rhs`; those of `ddf` and `vcov`.
#' @references Kuznetsova, A., Brockhoff, P. B. and Christensen, R. H. B. (2017) lmerTest package:
#'   tests in linear mixed effects models. *Journal of Statistical Software* 82(13), 1-26.
#'   \doi{10.18637/jss.v082.i13}
#'
#' The methods of [rlmm-ddf].
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' contest(fit, c(Days = 1), rhs = 10, joint = FALSE)
#' contest(fit, rbind(start = c(1, 0), end = c(1, 9)), joint = FALSE)
#' contest(fit, diag(2), ddf = "Kenward-Roger")
#' @rawNamespace
#' S3method(lmerTest::contest, rlmm)
#' @export
contest <- function(model, L, ...) UseMethod("contest")

#' @export
contest.default <- function(model, L, ...) hand_to("lmerTest", "contest", model, L, ...)

#' @rdname contest
#' @export
contest.rlmm <- function(model, L, rhs = 0, joint = TRUE, collect = TRUE, confint = TRUE,
                         level = 0.95, check_estimability = TRUE,
                         ddf = c("Satterthwaite", "Kenward-Roger", "none"), vcov = "model",
                         cluster = NULL, ...) {
  check_flag(joint, "joint")
  check_level(level)
  if (is.list(L) && length(L) == 0L) {
    stop_rlmm("bad_argument", "'L' is a list without hypotheses", column = "L")
  }
  tests <- fixed_tests(model, ddf, vcov, cluster)
  one <- function(L) {
    given <- hypothesis(model, L, check_estimability)
    if (!is.numeric(rhs) || !length(rhs) %in% c(1L, nrow(given$L)) || !all(is.finite(rhs))) {
      stop_rlmm("bad_argument", paste0("'rhs' must be one number, or one for each of the ",
        nrow(given$L), " rows of 'L'"), column = "rhs")
    }
    if (joint) joint_table(tests, given, rhs) else
      each_table(tests, given, rhs, if (confint) level)
  }
  tables <- if (is.list(L) && !is.data.frame(L)) lapply(L, one) else list(one(L))
  if (!joint && !collect) {
    tables <- unlist(lapply(tables, function(t) split(t, seq_len(nrow(t)))), recursive = FALSE)
  }
  if (!collect) return(tables)
  table <- do.call(rbind, unname(tables))
  if (joint && !is.null(names(tables))) row.names(table) <- make.unique(names(tables))
  table
}

# L on the coefficients of the fit, and which rows are estimable.
hypothesis <- function(model, L, check) {
  L <- on_columns(model, L)
  kept <- names(model$beta)
  estimable <- rep(TRUE, nrow(L))
  if (ncol(L) > length(kept)) {
    if (check) estimable <- is_estimable(model, L)
    L <- L[, kept, drop = FALSE]
  }
  list(L = L, estimable = estimable)
}

# A matrix with columns for the coefficients of the fit, or for all columns of the model matrix.
on_columns <- function(model, L) {
  if (is.data.frame(L) || inherits(L, "Matrix")) L <- as.matrix(L)
  if (is.null(dim(L))) L <- t(as.matrix(if (is.null(L)) double() else L))
  kept <- names(model$beta)
  all <- if (length(model$dropped)) colnames(full_fixed_matrix(model)) else kept
  given <- colnames(L)
  if (!is.null(given) && ncol(L) != length(kept) || !is.null(given) && !all(given == kept)) {
    unknown <- setdiff(given, all)
    if (length(unknown) || anyDuplicated(given)) {
      stop_rlmm("bad_argument", paste0("'L' has columns named ", quoted_list(given),
        "; the coefficients are ", quoted_list(all)), column = unknown[1L])
    }
    columns <- if (all(given %in% kept)) kept else all
    whole <- matrix(0, nrow(L), length(columns), dimnames = list(rownames(L), columns))
    whole[, given] <- L
    L <- whole
  }
  if (!is.numeric(L) || !ncol(L) %in% c(length(kept), length(all)) || !all(is.finite(L))) {
    stop_rlmm("bad_argument", paste0("'L' must be finite numbers with a column for each of the ",
      length(kept), " coefficients ", quoted_list(kept)), column = "L")
  }
  storage.mode(L) <- "double"
  colnames(L) <- if (ncol(L) == length(kept)) kept else all
  L
}

# Is each row orthogonal to the null space of X?
is_estimable <- function(model, L) {
  X <- full_fixed_matrix(model)[used_rows(model$frame), , drop = FALSE]
  size <- sqrt(colSums(X^2))
  size[size == 0] <- 1
  X <- X / rep(size, each = nrow(X))
  L <- L / rep(size, each = nrow(L))
  parts <- svd(triangle_of(X), nu = 0)
  null <- parts$v[, parts$d <= RANK_TOLERANCE * parts$d[1L], drop = FALSE]
  sqrt(rowSums((L %*% null)^2)) <= 1e-6 * sqrt(rowSums(L^2))
}

not_estimable_text <- function(given) {
  names <- rownames(given$L)[!given$estimable]
  paste0(if (is.null(names)) paste("contrast", paste(which(!given$estimable), collapse = ", ")) else
    quoted_list(names), " cannot be estimated: the data do not tell its coefficients from those ",
    "of redundant columns")
}

joint_table <- function(tests, given, rhs) {
  if (!all(given$estimable)) stop_rlmm("not_estimable", not_estimable_text(given))
  f_row(tests, given$L, rhs)
}

each_table <- function(tests, given, rhs, level) {
  if (!all(given$estimable)) warn_rlmm("not_estimable", not_estimable_text(given))
  table <- t_table(tests, given$L, rhs, level)
  table[!given$estimable, ] <- NA
  names <- rownames(given$L)
  data.frame(table, row.names = if (!is.null(names)) make.unique(names), check.names = FALSE)
}
