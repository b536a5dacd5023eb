# Robust covariances and their tests: against clubSandwich, sandwich and dense formulas.

robust_data <- function() {
  set.seed(3)
  d <- data.frame(sch = factor(rep(1:12, times = sample(8:20, 12))))
  n <- nrow(d)
  d$cl <- factor(paste(d$sch, sample(3, n, TRUE)))
  d$x <- stats::rnorm(n)
  d$tr <- stats::rbinom(12, 1, 0.5)[d$sch]
  d$f <- factor(sample(3, n, TRUE))
  d$item <- factor(sample(9, n, TRUE))
  d$w <- stats::runif(n, 0.5, 2)
  d$y <- 0.3 * d$x + stats::rnorm(12)[d$sch] + stats::rnorm(n) + stats::rnorm(40)[d$cl] +
    stats::rnorm(9)[d$item]
  d
}

test_that("covariance, df and joint tests are clubSandwich's", {
  skip_if_not_installed("clubSandwich")
  skip_if_not_installed("lme4")
  d <- robust_data()
  tight <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9),
    calc.derivs = FALSE)
  for (formula in list(y ~ x + tr + f + (1 | sch), y ~ x + tr + f + (x | sch),
    y ~ x + tr + f + (1 | sch / cl))) {
    for (REML in c(TRUE, FALSE)) {
      theirs <- lme4::lmer(formula, d, REML = REML, control = tight)
      ours <- rlmm(formula, d, REML = REML)
      for (type in c("CR0", "CR1", "CR2")) {
        label <- paste(deparse(formula), REML, type)
        expect_equal(vcov(ours, type = type),
          as.matrix(clubSandwich::vcovCR(theirs, type, cluster = d$sch)), tolerance = 1e-5,
          ignore_attr = TRUE, label = label)
        each <- clubSandwich::coef_test(theirs, type, cluster = d$sch, test = "Satterthwaite")
        expect_equal(unname(coef(summary(ours, vcov = type))[, "df"]), each$df_Satt,
          tolerance = 1e-6, label = label)
        L <- diag(5)[3:5, ]
        joint <- clubSandwich::Wald_test(theirs, L, type, cluster = d$sch, test = "HTZ")
        expect_equal(unlist(contest(ours, L, vcov = type)[c("F value", "DenDF", "Pr(>F)")]),
          c(joint$Fstat, joint$df_denom, joint$p_val), tolerance = 1e-5, ignore_attr = TRUE)
      }
    }
  }
})

test_that("weights are those of a variance function of nlme", {
  skip_if_not_installed("clubSandwich")
  d <- robust_data()
  theirs <- nlme::lme(y ~ x + tr + f, d, ~ 1 | sch, weights = nlme::varFixed(~ I(1 / w)),
    control = nlme::lmeControl(msTol = 1e-12, tolerance = 1e-12))
  ours <- rlmm(y ~ x + tr + f + (1 | sch), d, weights = w)
  for (type in c("CR0", "CR1", "CR2")) {
    expect_equal(vcov(ours, type = type),
      as.matrix(clubSandwich::vcovCR(theirs, type, cluster = d$sch)), tolerance = 1e-5,
      ignore_attr = TRUE)
    each <- clubSandwich::coef_test(theirs, type, cluster = d$sch, test = "Satterthwaite")
    expect_equal(unname(coef(summary(ours, vcov = type))[, "df"]), each$df_Satt, tolerance = 1e-6)
  }
})

# V in units of sigma, and the estimate by the textbook.
dense_V <- function(fit) {
  ZL <- as.matrix(getME(fit, "Z") %*% getME(fit, "Lambda"))
  tcrossprod(ZL) + diag(1 / weights(fit))
}

dense_robust <- function(fit, ways, adjust) {
  V <- dense_V(fit)
  X <- model.matrix(fit)
  G <- solve(V, X)
  M <- solve(crossprod(X, G))
  e <- getME(fit, "y") - getME(fit, "offset") - X %*% fixef(fit)
  meat <- 0
  for (k in seq_along(ways)) {
    for (at in split(seq_along(e), ways[[k]])) {
      A <- diag(length(at))
      if (adjust) {
        Vi <- V[at, at, drop = FALSE]
        S <- Vi - X[at, , drop = FALSE] %*% M %*% t(X[at, , drop = FALSE])
        D <- chol(Vi)
        parts <- eigen(D %*% S %*% t(D), symmetric = TRUE)
        root <- parts$vectors %*% diag(1 / sqrt(parts$values), length(at)) %*% t(parts$vectors)
        A <- t(D) %*% root %*% D
      }
      s <- t(G[at, , drop = FALSE]) %*% A %*% e[at]
      meat <- meat + attr(ways, "sign")[k] * tcrossprod(s)
    }
  }
  M %*% meat %*% M
}

test_that("crossed random effects are clustered several ways, as in dense formulas", {
  set.seed(4)
  n <- 400
  d <- data.frame(sch = factor(sample(25, n, TRUE)), item = factor(sample(20, n, TRUE)),
    x = stats::rnorm(n))
  d$y <- stats::rnorm(25)[d$sch] + stats::rnorm(20)[d$item] + stats::rnorm(n) +
    stats::rnorm(25)[d$sch] * d$x
  ways <- structure(list(d$sch, d$item, interaction(d$sch, d$item, drop = TRUE)),
    sign = c(1, 1, -1))
  for (formula in list(y ~ x + (1 | sch) + (1 | item), y ~ x + (x | sch) + (1 | item))) {
    for (w in list(rep(1, n), stats::runif(n, 0.5, 2))) {
      fit <- rlmm(formula, d, weights = w)
      expect_equal(vcov(fit, type = "CR0"), dense_robust(fit, ways, FALSE), ignore_attr = TRUE)
      expect_equal(vcov(fit, type = "CR2"), dense_robust(fit, ways, TRUE), ignore_attr = TRUE)
    }
  }
  tests <- coef(summary(fit, vcov = "CR2"))
  expect_equal(unname(tests[, "df"]), rep(19, 2))
  expect_equal(contest(fit, diag(2), vcov = "CR2")$DenDF, 19)
})

test_that("a difference of covariances that is not positive is told", {
  d <- robust_data()
  fit <- rlmm(y ~ x + f + (1 | sch) + (1 | item), d, weights = w)
  expect_warning(V <- vcov(fit, type = "CR0"), "not positive", class = "rlmm_cluster")
  expect_true(all(eigen(V)$values > -1e-12))
  expect_warning(suppressWarnings(table <- contest(fit, diag(4), vcov = "CR0"), "rlmm_cluster"),
    "singular", class = "rlmm_ddf")
  expect_true(is.na(table[["F value"]]))
})

# What an estimator gives for e e' in place of its expectation.
expected_robust <- function(fit, type) {
  V <- dense_V(fit)
  X <- model.matrix(fit)
  S <- V - X %*% solve(crossprod(X, solve(V, X)), t(X))
  parts <- eigen(S, symmetric = TRUE)
  roots <- parts$vectors %*% diag(sqrt(pmax(parts$values, 0)))
  sum <- 0
  for (k in seq_len(ncol(roots))) {
    # residuals that are the k-th column, with the same variances
    moved <- fit
    moved$frame[[1L]] <- as.vector(X %*% fixef(fit)) + roots[, k]
    sum <- sum + suppressWarnings(vcov(moved, type = type))
  }
  fit$sigma^2 * sum
}

test_that("CR2 is unbiased if the model holds, and CR0 is not", {
  d <- robust_data()
  d <- d[d$sch %in% 1:5, ]
  d$sch <- factor(d$sch)
  nested <- rlmm(y ~ x + (1 | sch), d)
  expect_equal(expected_robust(nested, "CR2"), vcov(nested), tolerance = 1e-8)
  ratio <- diag(expected_robust(nested, "CR0")) / diag(vcov(nested))
  expect_true(all(ratio < 0.95))
})

test_that("CR2 is unbiased or refused where variances within clusters differ by magnitudes", {
  d <- robust_data()
  d <- d[d$sch %in% 1:5, ]
  d$sch <- factor(d$sch)
  set.seed(1)
  for (size in 1:4) {
    d$w <- 10^stats::runif(nrow(d), -size, size)
    fit <- suppressWarnings(rlmm(y ~ x + (1 | sch), d, weights = w))
    if (size < 4) {
      expect_equal(expected_robust(fit, "CR2"), vcov(fit), tolerance = 1e-5)
    } else {
      expect_rlmm_error(vcov(fit, type = "CR2"), "cluster", "not", "CR1")
      expect_true(all(is.finite(vcov(fit, type = "CR1"))))
    }
  }
  far <- rlmm(I(y + 1e4 * as.numeric(sch)) ~ x + (1 | sch), d)
  expect_rlmm_error(summary(far, vcov = "CR2"), "cluster", "CR1")
})

test_that("sandwich's functions work from estfun() and bread()", {
  skip_if_not_installed("sandwich")
  d <- robust_data()
  fit <- rlmm(y ~ x + tr + (1 | sch), d, weights = w)
  expect_equal(dim(sandwich::estfun(fit)), c(nrow(d), 3L))
  expect_equal(colSums(sandwich::estfun(fit)), c("(Intercept)" = 0, x = 0, tr = 0),
    tolerance = 1e-6)
  expect_equal(sandwich::bread(fit) / nrow(d), vcov(fit))
  expect_equal(sandwich::vcovCL(fit, cluster = d$sch, type = "HC0", cadjust = FALSE),
    vcov(fit, type = "CR0"))
  crossed <- rlmm(y ~ x + (1 | sch) + (1 | item), d)
  expect_equal(sandwich::vcovCL(crossed, cluster = d[c("sch", "item")], type = "HC0",
    cadjust = FALSE), vcov(crossed, type = "CR0"))
})

test_that("clusters can be given in several ways", {
  d <- robust_data()
  fit <- rlmm(y ~ x + (1 | cl), d)
  by_school <- vcov(fit, type = "CR1", cluster = ~ sch)
  for (cluster in list(d$sch, as.character(d$sch), list(d$sch), data.frame(s = d$sch))) {
    expect_equal(vcov(fit, type = "CR1", cluster = cluster), by_school)
  }
  expect_equal(vcov(fit, type = "CR1"), vcov(fit, type = "CR1", cluster = "cl"))
  nested <- rlmm(y ~ x + (1 | sch / cl), d)
  expect_equal(vcov(nested, type = "CR2"), vcov(nested, type = "CR2", cluster = ~ sch))
  expect_equal(vcov(nested, type = "CR0", cluster = ~ sch:sch),
    vcov(nested, type = "CR0", cluster = ~ sch))
})

test_that("rows left out and of weight zero do not count", {
  d <- robust_data()
  d$y[3] <- NA
  d$w[10:12] <- 0
  fit <- rlmm(y ~ x + (1 | sch), d, weights = w)
  fewer <- rlmm(y ~ x + (1 | sch), d[-c(3, 10:12), ], weights = w)
  expect_equal(vcov(fit, type = "CR2"), vcov(fewer, type = "CR2"))
  expect_equal(vcov(fit, type = "CR2", cluster = d$sch), vcov(fewer, type = "CR2"))
  expect_equal(vcov(fit, type = "CR2", cluster = ~ sch), vcov(fewer, type = "CR2"))
  part <- rlmm(y ~ x + (1 | cl), d, weights = w, subset = x > -1)
  expect_equal(vcov(part, type = "CR0", cluster = ~ sch),
    vcov(rlmm(y ~ x + (1 | cl), d[d$x > -1, ], weights = w), type = "CR0", cluster = ~ sch))
})

test_that("what is not valid is refused", {
  d <- robust_data()
  fit <- rlmm(y ~ x + (1 | sch) + (1 | item), d)
  expect_rlmm_error(vcov(fit, type = "CR2", cluster = ~ sch), "cluster", "'item'",
    "cluster = ~ sch + item")
  expect_rlmm_error(vcov(fit, type = "CR2", cluster = ~ nothing), "cluster", "'nothing'")
  expect_rlmm_error(vcov(fit, type = "CR2", cluster = 1:3), "cluster", "3 values")
  expect_rlmm_error(vcov(fit, type = "CR2", cluster = rep(1, nrow(d))), "cluster", "only one")
  expect_rlmm_error(vcov(fit, type = "CR2", cluster = ~ 1), "cluster", "no variable")
  gaps <- d$sch
  gaps[4] <- NA
  expect_rlmm_error(vcov(fit, type = "CR1", cluster = gaps), "cluster", "missing")
  expect_rlmm_error(vcov(fit, type = "HC3"), "bad_argument", "'type'")
  expect_rlmm_error(vcov(fit, type = "CR2", full = TRUE), "bad_argument", "'full'")
  expect_rlmm_error(summary(fit, vcov = "CR2", ddf = "Kenward-Roger"), "ddf", "Satterthwaite")
})

test_that("too few clusters for a joint test are told, not passed over", {
  d <- robust_data()
  d$x2 <- d$x^2
  fit <- rlmm(y ~ x + x2 + f + (1 | sch), d[d$sch %in% 1:3, ])
  expect_warning(table <- contest(fit, diag(5)[2:5, ], vcov = "CR2"), "too few clusters",
    class = "rlmm_ddf")
  expect_true(is.na(table$DenDF) && is.na(table[["Pr(>F)"]]))
})

# 2 (E v)^2 / var(v) = (tr B)^2 / tr(B^2) of v = e'P P'e, by the textbook.
dense_robust_df <- function(fit, cluster) {
  V <- dense_V(fit)
  X <- model.matrix(fit)
  G <- solve(V, X)
  M <- solve(crossprod(X, G))
  members <- split(seq_len(nrow(X)), cluster)
  H <- lapply(members, function(at) {
    D <- chol(V[at, at])
    S <- V[at, at] - X[at, ] %*% M %*% t(X[at, ])
    parts <- eigen(D %*% S %*% t(D), symmetric = TRUE)
    root <- ifelse(parts$values > 1e-8, 1 / sqrt(pmax(parts$values, 1e-8)), 0)
    t(D) %*% parts$vectors %*% (root * t(parts$vectors)) %*% D %*% G[at, ]
  })
  vapply(seq_len(ncol(X)), function(k) {
    P <- vapply(names(members), function(i) {
      replace(numeric(nrow(X)), members[[i]], H[[i]] %*% M[, k])
    }, numeric(nrow(X)))
    B <- t(P) %*% (V - X %*% M %*% t(X)) %*% P
    sum(diag(B))^2 / sum(B^2)
  }, 0)
}

test_that("a coefficient that one cluster determines has a variance that is not trusted", {
  d <- robust_data()
  d$first <- as.numeric(d$sch == 1)
  fit <- rlmm(y ~ x + first + (1 | sch), d)
  expect_warning(table <- coef(summary(fit, vcov = "CR2")), "of 1 of the contrasts",
    class = "rlmm_cluster")
  expect_warning(anova(fit, vcov = "CR2"), "far too small", class = "rlmm_cluster")
  expect_warning(contest(fit, diag(3)[2:3, ], vcov = "CR2"), "of 1 of", class = "rlmm_cluster")
  expect_warning(summary(fit, vcov = "CR1"), "of 1 of", class = "rlmm_cluster")
  # its expectation is far below what it estimates, as the warning says
  part <- diag(expected_robust(fit, "CR2")) / diag(vcov(fit))
  expect_equal(unname(part[1:2]), c(1, 1), tolerance = 1e-6)
  expect_lt(part[["first"]], 0.5)
  expect_no_warning(summary(rlmm(y ~ x + tr + (1 | sch), d), vcov = "CR2"))
  expect_equal(unname(table[, "df"]), dense_robust_df(fit, d$sch), tolerance = 1e-6)
  # two clusters with a line each leave no residuals for the lines
  d <- d[d$sch %in% 1:2, ]
  lines <- suppressMessages(rlmm(y ~ x * first + (0 + f | sch), d))
  table <- suppressWarnings(coef(summary(lines, vcov = "CR2")), "rlmm_cluster")
  expect_false(any(is.nan(table) | is.infinite(table)))
})

test_that("without df there is no p value", {
  fit <- rlmm(y ~ x + (1 | sch), robust_data())
  table <- coef(summary(fit, vcov = "CR2", ddf = "none"))
  expect_equal(colnames(table), c("Estimate", "Std. Error", "t value"))
  expect_equal(table[, "Std. Error"], sqrt(diag(vcov(fit, type = "CR2"))))
})
